import { defineOp } from "../op.ts";
import type { Tensor } from "../tensor.ts";

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
});

export const slice = (x: Tensor, start: number, length: number): Tensor => sliceOp({ x }, { start, length }).y;
