import { defineOp, optional } from "@elapid/tensor";
import { complexLinearScanBackward } from "./complex-linear-scan.backward.ts";
import { complexLinearScanReference } from "./complex-linear-scan.reference.ts";

/**
 * `linearScan` in complex numbers: tensors have a last dimension of 2, real and imaginary part, behind that of time.
 *
 *     h[t] = a[t] h[t-1] + b[t]
 *
 * @throws TypeError if two inputs disagree on the size of a named dimension, or the last one is not 2.
 *
 * ```ts
 * const a = device.tensor(Float32Array.of(0, 1, 0, 1), [2, 2]); // i, twice: a quarter turn each
 * const { h } = complexLinearScan({ a, b: device.zeros([2, 2]), initialState: device.full([2], 1) });
 * await h.data(); // -1 1 -1 -1
 * ```
 */
export const complexLinearScan = defineOp({
  name: "complex-linear-scan",
  inputs: { a: "... time complex", b: "... time complex", initialState: optional("... complex") },
  outputs: { h: "... time complex", finalState: "... complex" },
  attributes: { reverse: false },
  derive: () => ({ complex: 2 }),
  reference: complexLinearScanReference,
  gradient: ({ inputs, outputs: { h }, grads: { h: dh, finalState: dfinalState }, attributes }) => {
    const { a, initialState } = inputs;
    const back = complexLinearScanBackward({ a, h, initialState, dh, dfinalState }, attributes);
    return { a: back.da, b: back.db, initialState: initialState && back.dinitialState };
  },
});
