import { defineOp, optional } from "@elapid/tensor";
import { linearScanBackward } from "./linear-scan.backward.ts";
import { linearScanReference } from "./linear-scan.reference.ts";

/**
 * First-order linear recurrence along the last dimension, one for each row.
 *
 *     h[t] = a[t] h[t-1] + b[t]
 *
 * `h` before the first step is `initialState`, or 0; `finalState` is `h` after the last, what the next call starts
 * from. With `reverse` it runs from the last element to the first, and "before" and "after" are meant so.
 *
 * @throws TypeError if two inputs disagree on the size of a named dimension.
 *
 * ```ts
 * const a = device.full([2], 0.5);
 * const { h } = linearScan({ a, b: device.full([2], 1), initialState: device.full([], 4) });
 * await h.data(); // 3 2.5
 * ```
 */
export const linearScan = defineOp({
  name: "linear-scan",
  inputs: { a: "... time", b: "... time", initialState: optional("...") },
  outputs: { h: "... time", finalState: "..." },
  attributes: { reverse: false },
  reference: linearScanReference,
  gradient: ({ inputs, outputs: { h }, grads: { h: dh, finalState: dfinalState }, attributes }) => {
    const { a, initialState } = inputs;
    const back = linearScanBackward({ a, h, initialState, dh, dfinalState }, attributes);
    return { a: back.da, b: back.db, initialState: initialState && back.dinitialState };
  },
});
