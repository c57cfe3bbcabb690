import { defineOp } from "../op.ts";
import { sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** Declaration of the copy that repeats along a new middle dimension. */
export const repeatOp = defineOp({
  name: "repeat",
  inputs: { x: "outer inner" },
  outputs: { y: "outer count inner" },
  attributes: { times: 1 },
  derive: (_, { times }) => ({ count: times }),
  reference: ({ dims: { outer, count, inner }, inputs: { x }, outputs: { y } }) => {
    for (let o = 0; o < outer; o++) {
      const run = x.subarray(o * inner, (o + 1) * inner);
      for (let c = 0; c < count; c++) y.set(run, (o * count + c) * inner);
    }
  },
  gradient: ({ grads: { y: dy } }) => ({ x: dy && sumMiddle(dy) }),
  keeps: [],
});

/** Declaration of the sum over the middle dimension, in order. */
export const sumAxisOp = defineOp({
  name: "sum-axis",
  inputs: { x: "outer length inner" },
  outputs: { y: "outer inner" },
  reference: ({ dims: { outer, length, inner }, inputs: { x }, outputs: { y } }) => {
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < inner; i++) {
        let sum = 0;
        for (let l = 0; l < length; l++) sum += x[(o * length + l) * inner + i];
        y[o * inner + i] = sum;
      }
    }
  },
  gradient: ({ inputs: { x }, grads: { y: dy } }) => ({ x: dy && repeatMiddle(dy, x.shape[1]) }),
  keeps: [],
});

const repeatMiddle = (x: Tensor, times: number): Tensor => repeatOp({ x }, { times }).y;
const sumMiddle = (x: Tensor): Tensor => sumAxisOp({ x }).y;

/**
 * Repeats `x` along a new dimension, `count` times: `repeat(x, 2, 16)` makes "batch time inner 16" of "batch time inner".
 *
 * @throws RangeError if `axis` is not between 0 and the rank, or `count` is not a whole number.
 */
export function repeat(x: Tensor, axis: number, count: number): Tensor {
  if (!(Number.isInteger(axis) && axis >= 0 && axis <= x.shape.length)) {
    throw new RangeError(`Cannot repeat: axis ${axis} was given, 0 to ${x.shape.length} was needed`);
  }
  if (!(Number.isInteger(count) && count >= 0)) {
    throw new RangeError(`Cannot repeat: count is ${count}, a whole number was needed`);
  }
  using flat = x.reshape([sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))]);
  using y = repeatMiddle(flat, count);
  return y.reshape(x.shape.toSpliced(axis, 0, count));
}

/**
 * Sums over one dimension, which is gone in the result: `sumAxis(x, 1)` makes "batch inner" of "batch time inner".
 *
 * @throws RangeError if `x` has no such axis.
 */
export function sumAxis(x: Tensor, axis: number): Tensor {
  if (!(Number.isInteger(axis) && axis >= 0 && axis < x.shape.length)) {
    throw new RangeError(`Cannot sum: axis ${axis} was given, 0 to ${x.shape.length - 1} was needed`);
  }
  using flat = x.reshape([sizeOf(x.shape.slice(0, axis)), x.shape[axis], sizeOf(x.shape.slice(axis + 1))]);
  using y = sumMiddle(flat);
  return y.reshape(x.shape.toSpliced(axis, 1));
}
