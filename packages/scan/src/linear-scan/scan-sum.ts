import { defineOp, type Tensor } from "@elapid/tensor";
import { steps, type ScanOptions } from "./order.ts";

/** Declaration of the running sum: `y[t] = x[0] + ... + x[t]`, or `x[t] + ... + x[time - 1]` in reverse. */
export const scanSumOp = defineOp({
  name: "scan-sum",
  inputs: { x: "... time" },
  outputs: { y: "... time" },
  attributes: { reverse: false },
  reference: ({ dims: { rows, time }, inputs: { x }, outputs: { y }, attributes: { reverse } }) => {
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (const at of steps(row, time, reverse)) y[at] = sum += x[at];
    }
  },
  // x[s] is in every sum from s on: the same scan, the other way
  gradient: ({ grads: { y: dy }, attributes: { reverse } }) => ({ x: dy && scanSum(dy, { reverse: !reverse }) }),
});

/**
 * Running sum along the last dimension: `y[t] = x[0] + ... + x[t]`.
 *
 * ```ts
 * await scanSum(device.tensor(Float32Array.of(1, 2, 3), [3])).data(); // 1 3 6
 * ```
 */
export function scanSum(x: Tensor, { reverse = false }: ScanOptions = {}): Tensor {
  return scanSumOp({ x }, { reverse }).y;
}
