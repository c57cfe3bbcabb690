import { defineOp } from "../op.ts";
import type { Tensor } from "../tensor.ts";

function defineUnary(name: string, f: (x: number) => number) {
  return defineOp({
    name,
    inputs: { x: "..." },
    outputs: { y: "..." },
    reference: ({ inputs: { x }, outputs: { y } }) => {
      for (let i = 0; i < y.length; i++) y[i] = f(x[i]);
    },
  });
}

/** Declarations of the elementwise functions of one tensor. */
export const unaryOps = {
  exp: defineUnary("exp", Math.exp),
  neg: defineUnary("neg", (x) => -x),
} as const;

export const exp = (x: Tensor): Tensor => unaryOps.exp({ x }).y;
export const neg = (x: Tensor): Tensor => unaryOps.neg({ x }).y;
