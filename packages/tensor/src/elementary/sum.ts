import { defineOp } from "../op.ts";
import type { Tensor } from "../tensor.ts";
import { repeat } from "./repeat.ts";

/** Declaration of the sum over the leading dimension: what many rows share gets the gradients of all of them. */
export const sumRowsOp = defineOp({
  name: "sum-rows",
  inputs: { x: "rows size" },
  outputs: { y: "size" },
  reference: ({ dims: { rows, size }, inputs: { x }, outputs: { y } }) => {
    for (let i = 0; i < size; i++) {
      let sum = 0;
      for (let r = 0; r < rows; r++) sum += x[r * size + i];
      y[i] = sum;
    }
  },
  gradient: ({ inputs: { x }, grads: { y: dy } }) => ({ x: dy && repeat(dy, 0, x.shape[0]) }),
  keeps: [],
});

/** Sums `rows size` over its rows. */
export const sumRows = (x: Tensor): Tensor => sumRowsOp({ x }).y;

/** The sum of all elements, a scalar. */
export const sum = (x: Tensor): Tensor => sumRows(x.reshape([x.size, 1])).reshape([]);
