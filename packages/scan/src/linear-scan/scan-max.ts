import { defineOp, type Tensor } from "@elapid/tensor";
import { steps, type ScanOptions } from "./order.ts";
import { scanMaxBackward } from "./scan-max.backward.ts";

/** Declaration of the running maximum; from a NaN on, all are NaN. */
export const scanMaxOp = defineOp({
  name: "scan-max",
  inputs: { x: "... time" },
  outputs: { y: "... time" },
  attributes: { reverse: false },
  reference: ({ dims: { rows, time }, inputs: { x }, outputs: { y }, attributes: { reverse } }) => {
    for (let row = 0; row < rows; row++) {
      let top = -Infinity;
      for (const at of steps(row, time, reverse)) y[at] = top = Math.max(top, x[at]);
    }
  },
  gradient: ({ inputs: { x }, outputs: { y }, grads: { y: dy }, attributes }) => ({
    x: dy && scanMaxBackward({ x, y, dy }, attributes).dx,
  }),
});

/**
 * Running maximum along the last dimension: `y[t]` is the greatest of `x[0]` to `x[t]`. The gradient goes to the
 * latest of equal elements.
 *
 * ```ts
 * await scanMax(device.tensor(Float32Array.of(1, 3, 2), [3])).data(); // 1 3 3
 * ```
 */
export function scanMax(x: Tensor, { reverse = false }: ScanOptions = {}): Tensor {
  return scanMaxOp({ x }, { reverse }).y;
}
