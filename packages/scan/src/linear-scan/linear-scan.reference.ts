import type { ReferenceCall } from "@elapid/tensor";
import { steps, type Direction } from "../associative-scan/axis.ts";

export function linearScanReference({
  dims,
  inputs: { a, b, initialState },
  outputs: { h, finalState },
  attributes: { reverse, exclusive },
}: ReferenceCall<"outer time inner", "a b initialState?", "h finalState", Direction>): void {
  for (let row = 0; row < dims.outer * dims.inner; row++) {
    let state = initialState === undefined ? 0 : initialState[row];
    for (const at of steps(dims, row, reverse)) {
      const before = state;
      state = a[at] * before + b[at];
      h[at] = exclusive ? before : state;
    }
    finalState[row] = state;
  }
}

/** `carry` is the gradient by the state before the step that was handled last. */
export function linearScanBackwardReference({
  dims,
  inputs: { a, h, initialState, dh, dfinalState },
  outputs: { da, db, dinitialState },
  attributes: { reverse, exclusive },
}: ReferenceCall<"outer time inner", "a h initialState? dh? dfinalState?", "da db dinitialState", Direction>): void {
  for (let row = 0; row < dims.outer * dims.inner; row++) {
    const forward = steps(dims, row, reverse);
    const initial = initialState === undefined ? 0 : initialState[row];
    let carry = dfinalState === undefined ? 0 : dfinalState[row];
    for (let s = forward.length - 1; s >= 0; s--) {
      const at = forward[s];
      const before = exclusive ? h[at] : s > 0 ? h[forward[s - 1]] : initial;
      const given = dh === undefined ? 0 : dh[at];
      const g = exclusive ? carry : carry + given;
      db[at] = g;
      da[at] = g * before;
      carry = exclusive ? a[at] * g + given : a[at] * g;
    }
    dinitialState[row] = carry;
  }
}
