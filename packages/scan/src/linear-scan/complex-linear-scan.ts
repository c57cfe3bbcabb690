import { defineOp, optional } from "@elapid/tensor";
import { complexLinearScanBackward } from "./complex-linear-scan.backward.ts";
import { complexLinearScanReference } from "./complex-linear-scan.reference.ts";
import { recurrenceOf, type Recurrence } from "./recurrence.ts";

/** Declaration of the recurrence, one for each of "outer inner". */
const op = defineOp({
  name: "complex-linear-scan",
  inputs: {
    a: "outer time inner complex",
    b: "outer time inner complex",
    initialState: optional("outer inner complex"),
  },
  outputs: { h: "outer time inner complex", finalState: "outer inner complex" },
  attributes: { reverse: false, exclusive: false },
  derive: () => ({ complex: 2 }),
  reference: complexLinearScanReference,
  gradient: ({ inputs, outputs: { h }, grads: { h: dh, finalState: dfinalState }, attributes }) => {
    const { a, initialState } = inputs;
    const back = complexLinearScanBackward({ a, h, initialState, dh, dfinalState }, attributes);
    return { a: back.da, b: back.db, initialState: initialState && back.dinitialState };
  },
});

/**
 * `linearScan` in complex numbers: tensors have one more dimension, the last, of 2: real and imaginary part. An axis
 * and its name do not count it.
 *
 *     h[t] = a[t] h[t-1] + b[t]
 *
 * @throws TypeError if two inputs disagree on the size of a dimension, or the last one is not 2; RangeError if there is no
 * such axis.
 *
 * ```ts
 * const a = device.tensor(Float32Array.of(0, 1, 0, 1), [2, 2]); // i, twice: a quarter turn each
 * const { h } = complexLinearScan({ a, b: device.zeros([2, 2]), initialState: device.full([2], 1) });
 * await h.data(); // -1 1 -1 -1
 * ```
 */
export const complexLinearScan: Recurrence<typeof op> = recurrenceOf(op, 1);
