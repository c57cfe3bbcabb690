import type { ReferenceCall } from "@elapid/tensor";
import { complexAt, conjTimes, plus, setComplex, times } from "../lti/complex.ts";
import { steps, type Direction } from "./order.ts";

const zero = { re: 0, im: 0 };

export function complexLinearScanReference({
  dims: { rows, time },
  inputs: { a, b, initialState },
  outputs: { h, finalState },
  attributes: { reverse },
}: ReferenceCall<"rows time complex", "a b initialState?", "h finalState", Direction>): void {
  for (let row = 0; row < rows; row++) {
    let state = initialState === undefined ? zero : complexAt(initialState, row);
    for (const at of steps(row, time, reverse)) {
      state = plus(times(complexAt(a, at), state), complexAt(b, at));
      setComplex(h, at, state);
    }
    setComplex(finalState, row, state);
  }
}

/** `carry` is the gradient by the state before the step that was handled last. */
export function complexLinearScanBackwardReference({
  dims: { rows, time },
  inputs: { a, h, initialState, dh, dfinalState },
  outputs: { da, db, dinitialState },
  attributes: { reverse },
}: ReferenceCall<"rows time complex", "a h initialState? dh? dfinalState?", "da db dinitialState", Direction>): void {
  for (let row = 0; row < rows; row++) {
    const forward = steps(row, time, reverse);
    const initial = initialState === undefined ? zero : complexAt(initialState, row);
    let carry = dfinalState === undefined ? zero : complexAt(dfinalState, row);
    for (let s = time - 1; s >= 0; s--) {
      const at = forward[s];
      const g = dh === undefined ? carry : plus(carry, complexAt(dh, at));
      setComplex(db, at, g);
      setComplex(da, at, conjTimes(s > 0 ? complexAt(h, forward[s - 1]) : initial, g));
      carry = conjTimes(complexAt(a, at), g);
    }
    setComplex(dinitialState, row, carry);
  }
}
