import type { ReferenceCall } from "@elapid/tensor";
import { complexAt, conjTimes, plus, setComplex, times } from "../lti/complex.ts";
import { steps, type Direction } from "../associative-scan/axis.ts";

const zero = { re: 0, im: 0 };

export function complexLinearScanReference({
  dims,
  inputs: { a, b, initialState },
  outputs: { h, finalState },
  attributes: { reverse, exclusive },
}: ReferenceCall<"outer time inner complex", "a b initialState?", "h finalState", Direction>): void {
  for (let row = 0; row < dims.outer * dims.inner; row++) {
    let state = initialState === undefined ? zero : complexAt(initialState, row);
    for (const at of steps(dims, row, reverse)) {
      const before = state;
      state = plus(times(complexAt(a, at), before), complexAt(b, at));
      setComplex(h, at, exclusive ? before : state);
    }
    setComplex(finalState, row, state);
  }
}

/** `carry` is the gradient by the state before the step that was handled last. */
export function complexLinearScanBackwardReference({
  dims,
  inputs: { a, h, initialState, dh, dfinalState },
  outputs: { da, db, dinitialState },
  attributes: { reverse, exclusive },
}: ReferenceCall<
  "outer time inner complex",
  "a h initialState? dh? dfinalState?",
  "da db dinitialState",
  Direction
>): void {
  for (let row = 0; row < dims.outer * dims.inner; row++) {
    const forward = steps(dims, row, reverse);
    const initial = initialState === undefined ? zero : complexAt(initialState, row);
    let carry = dfinalState === undefined ? zero : complexAt(dfinalState, row);
    for (let s = forward.length - 1; s >= 0; s--) {
      const at = forward[s];
      const before = exclusive ? complexAt(h, at) : s > 0 ? complexAt(h, forward[s - 1]) : initial;
      const given = dh === undefined ? zero : complexAt(dh, at);
      const g = exclusive ? carry : plus(carry, given);
      setComplex(db, at, g);
      setComplex(da, at, conjTimes(before, g));
      carry = conjTimes(complexAt(a, at), g);
      if (exclusive) carry = plus(carry, given);
    }
    setComplex(dinitialState, row, carry);
  }
}
