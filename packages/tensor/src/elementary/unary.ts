import { defineOp } from "../op.ts";
import type { Tensor } from "../tensor.ts";

/** Declaration of `exp(x)`. */
const expOp = defineOp({
  name: "exp",
  inputs: { x: "..." },
  outputs: { y: "..." },
  reference: ({ inputs: { x }, outputs: { y } }) => {
    for (let i = 0; i < y.length; i++) y[i] = Math.exp(x[i]);
  },
  gradient: ({ outputs: { y }, grads: { y: dy } }) => ({ x: dy?.mul(y) }),
  keeps: ["y"],
});

/** Declaration of `-x`. */
const negOp = defineOp({
  name: "neg",
  inputs: { x: "..." },
  outputs: { y: "..." },
  reference: ({ inputs: { x }, outputs: { y } }) => {
    for (let i = 0; i < y.length; i++) y[i] = -x[i];
  },
  gradient: ({ grads: { y: dy } }) => ({ x: dy?.neg() }),
  keeps: [],
});

/** Declarations of the elementwise functions of one tensor. */
export const unaryOps = { exp: expOp, neg: negOp } as const;

export const exp = (x: Tensor): Tensor => expOp({ x }).y;
export const neg = (x: Tensor): Tensor => negOp({ x }).y;
