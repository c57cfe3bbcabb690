import { defineOp } from "../op.ts";
import { formatShape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { sumRows } from "./sum.ts";

// `a` has `rows` times the elements of `b`, which is repeated; both operations commute, so order does not matter

const addOp = defineOp({
  name: "add",
  inputs: { a: "rows size", b: "size" },
  outputs: { y: "rows size" },
  reference: ({ dims: { size }, inputs: { a, b }, outputs: { y } }) => {
    for (let i = 0; i < y.length; i++) y[i] = a[i] + b[i % size];
  },
  gradient: ({ grads: { y: dy } }) => ({ a: dy, b: dy && sumRows(dy) }),
  keeps: [],
});

const mulOp = defineOp({
  name: "mul",
  inputs: { a: "rows size", b: "size" },
  outputs: { y: "rows size" },
  reference: ({ dims: { size }, inputs: { a, b }, outputs: { y } }) => {
    for (let i = 0; i < y.length; i++) y[i] = a[i] * b[i % size];
  },
  gradient: ({ inputs: { a, b }, grads: { y: dy } }) => ({ a: dy?.mul(b), b: dy && sumRows(dy.mul(a)) }),
});

/** Declarations of the elementwise functions of two tensors. */
export const binaryOps = { add: addOp, mul: mulOp } as const;

export const add = (a: Tensor, b: Tensor): Tensor => broadcast("add", a, b);
export const mul = (a: Tensor, b: Tensor): Tensor => broadcast("mul", a, b);

function broadcast(name: keyof typeof binaryOps, left: Tensor, right: Tensor): Tensor {
  const [a, b] = left.shape.length >= right.shape.length ? [left, right] : [right, left];
  const suffix = a.shape.slice(a.shape.length - b.shape.length);
  if (!suffix.every((length, i) => length === b.shape[i])) {
    throw new TypeError(
      `Cannot run "${name}": ${formatShape(left.shape)} and ${formatShape(right.shape)} differ; equal shapes, or one that ends in the other, were needed`,
    );
  }
  const size = b.size;
  using flatA = a.reshape([size === 0 ? 0 : a.size / size, size]);
  using flatB = b.reshape([size]);
  using y = binaryOps[name]({ a: flatA, b: flatB }).y;
  return y.reshape(sizeOf(a.shape) === 0 ? a.shape : [...a.shape]);
}
