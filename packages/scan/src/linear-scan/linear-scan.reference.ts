import type { ReferenceCall } from "@elapid/tensor";
import { steps, type Direction } from "./order.ts";

export function linearScanReference({
  dims: { rows, time },
  inputs: { a, b, initialState },
  outputs: { h, finalState },
  attributes: { reverse },
}: ReferenceCall<"rows time", "a b initialState?", "h finalState", Direction>): void {
  for (let row = 0; row < rows; row++) {
    let state = initialState === undefined ? 0 : initialState[row];
    for (const at of steps(row, time, reverse)) h[at] = state = a[at] * state + b[at];
    finalState[row] = state;
  }
}

/** `carry` is the gradient by the state before the step that was handled last. */
export function linearScanBackwardReference({
  dims: { rows, time },
  inputs: { a, h, initialState, dh, dfinalState },
  outputs: { da, db, dinitialState },
  attributes: { reverse },
}: ReferenceCall<"rows time", "a h initialState? dh? dfinalState?", "da db dinitialState", Direction>): void {
  for (let row = 0; row < rows; row++) {
    const forward = steps(row, time, reverse);
    let carry = dfinalState === undefined ? 0 : dfinalState[row];
    for (let s = time - 1; s >= 0; s--) {
      const at = forward[s];
      const before = s > 0 ? h[forward[s - 1]] : initialState === undefined ? 0 : initialState[row];
      const g = carry + (dh === undefined ? 0 : dh[at]);
      db[at] = g;
      da[at] = g * before;
      carry = a[at] * g;
    }
    dinitialState[row] = carry;
  }
}
