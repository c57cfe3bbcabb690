import { defineOp } from "../op.ts";
import type { Tensor } from "../tensor.ts";

/** Declaration of the opposite of a slice: the elements from `start` on, zeros around them. */
export const padOp = defineOp({
  name: "pad",
  inputs: { x: "outer part inner" },
  outputs: { y: "outer full inner" },
  attributes: { start: 0, length: 0 },
  derive: (_, { length }) => ({ full: length }),
  reference: ({ dims: { outer, full, part, inner }, inputs: { x }, outputs: { y }, attributes: { start } }) => {
    y.fill(0);
    for (let o = 0; o < outer; o++) {
      y.set(x.subarray(o * part * inner, (o + 1) * part * inner), (o * full + start) * inner);
    }
  },
  gradient: ({ inputs: { x }, grads: { y: dy }, attributes: { start } }) => ({ x: dy && slice(dy, start, x.shape[1]) }),
  keeps: [],
});

/** Declaration of the copy of `length` elements from `start` along the middle dimension. */
export const sliceOp = defineOp({
  name: "slice",
  inputs: { x: "outer full inner" },
  outputs: { y: "outer part inner" },
  attributes: { start: 0, length: 0 },
  derive: (_, { length }) => ({ part: length }),
  reference: ({ dims: { outer, full, part, inner }, inputs: { x }, outputs: { y }, attributes: { start } }) => {
    for (let o = 0; o < outer; o++) {
      const from = (o * full + start) * inner;
      y.set(x.subarray(from, from + part * inner), o * part * inner);
    }
  },
  gradient: ({ inputs: { x }, grads: { y: dy }, attributes: { start } }) => ({
    x: dy && padOp({ x: dy }, { start, length: x.shape[1] }).y,
  }),
  keeps: [],
});

export const slice = (x: Tensor, start: number, length: number): Tensor => sliceOp({ x }, { start, length }).y;
