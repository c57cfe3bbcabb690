import type { ReferenceCall } from "@elapid/tensor";
import { steps, type Direction } from "./axis.ts";
import type { Element, ScanOperator } from "./operator.ts";

type Forward = ReferenceCall<"outer time inner part", "x initialState?", "y finalState", Direction>;
type Backward = ReferenceCall<
  "outer time inner part",
  "x y initialState? dy? dfinalState?",
  "dx dinitialState",
  Direction
>;

/** The element at a place. */
function elementAt(values: Float32Array, at: number, part: number): Element {
  return Array.from(values.subarray(at * part, (at + 1) * part));
}

export function associativeScanReference({ identity, combine }: ScanOperator) {
  return ({
    dims,
    inputs: { x, initialState },
    outputs: { y, finalState },
    attributes: { reverse, exclusive },
  }: Forward): void => {
    const { outer, inner, part } = dims;
    for (let row = 0; row < outer * inner; row++) {
      let state = initialState === undefined ? identity : elementAt(initialState, row, part);
      for (const at of steps(dims, row, reverse)) {
        if (exclusive) y.set(state, at * part);
        state = combine(state, elementAt(x, at, part));
        if (!exclusive) y.set(state, at * part);
      }
      finalState.set(state, row * part);
    }
  };
}

/** `carry` is the gradient by the state after the step at hand. */
export function associativeScanBackwardReference({
  identity,
  pull,
}: Required<Pick<ScanOperator, "identity" | "pull">>) {
  return ({
    dims,
    inputs: { x, y, initialState, dy, dfinalState },
    outputs: { dx, dinitialState },
    attributes: { reverse, exclusive },
  }: Backward): void => {
    const { outer, inner, part } = dims;
    for (let row = 0; row < outer * inner; row++) {
      const places = steps(dims, row, reverse);
      const start = initialState === undefined ? identity : elementAt(initialState, row, part);
      let carry = dfinalState === undefined ? identity.map(() => 0) : elementAt(dfinalState, row, part);
      const add = (at: number) => {
        if (dy !== undefined) carry = carry.map((value, i) => value + dy[at * part + i]);
      };
      for (let s = places.length - 1; s >= 0; s--) {
        const at = places[s];
        const before = exclusive ? elementAt(y, at, part) : s > 0 ? elementAt(y, places[s - 1], part) : start;
        if (!exclusive) add(at);
        const { first, second } = pull(before, elementAt(x, at, part), carry);
        dx.set(second, at * part);
        carry = first;
        if (exclusive) add(at);
      }
      dinitialState.set(carry, row * part);
    }
  };
}
