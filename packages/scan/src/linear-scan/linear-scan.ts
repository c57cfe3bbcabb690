import { defineOp, optional } from "@elapid/tensor";
import { linearScanBackward } from "./linear-scan.backward.ts";
import { linearScanReference } from "./linear-scan.reference.ts";
import { recurrenceOf, type Recurrence } from "./recurrence.ts";

/** Declaration of the recurrence, one for each of "outer inner". */
const op = defineOp({
  name: "linear-scan",
  inputs: { a: "outer time inner", b: "outer time inner", initialState: optional("outer inner") },
  outputs: { h: "outer time inner", finalState: "outer inner" },
  attributes: { reverse: false, exclusive: false },
  reference: linearScanReference,
  gradient: ({ inputs, outputs: { h }, grads: { h: dh, finalState: dfinalState }, attributes }) => {
    const { a, initialState } = inputs;
    const back = linearScanBackward({ a, h, initialState, dh, dfinalState }, attributes);
    return { a: back.da, b: back.db, initialState: initialState && back.dinitialState };
  },
});

/**
 * First-order linear recurrence along a dimension, the last unless told otherwise.
 *
 *     h[t] = a[t] h[t-1] + b[t]
 *
 * `h` before the first step is `initialState`, or 0; `finalState` is `h` after the last, what the next call starts
 * from. With `reverse` it runs from the last element to the first, and "before" and "after" are meant so. With
 * `exclusive`, `h[t]` is the state before step `t`.
 *
 * @throws TypeError if two inputs disagree on the size of a dimension, RangeError if there is no such axis.
 *
 * ```ts
 * const a = device.full([2], 0.5);
 * const { h } = linearScan({ a, b: device.full([2], 1), initialState: device.full([], 4) });
 * await h.data(); // 3 2.5
 * ```
 */
export const linearScan: Recurrence<typeof op> = recurrenceOf(op, 0);
