/**
 * Gradient of linear recurrences, from the last step to the first. A unit is a row; four rows are run through at once,
 * a lane each. `carry` is the gradient by the state before the step that was handled last.
 *
 * Work: two multiplications and an addition an element, one pass. Moves 20 bytes an element, the least possible.
 */
import { at, gather4, load4, scatter4, store4 } from "../../../wasm/src/snippets/memory.as.ts";

export function linearScanBackward(
  begin: i32, end: i32, scratch: usize,
  time: i32,
  a: usize, h: usize, initialState: usize, dh: usize, dfinalState: usize,
  da: usize, db: usize, dinitialState: usize,
  reverse: i32,
): void {
  const from = reverse ? 0 : time - 1;
  const by = reverse ? 1 : -1;
  const zero = f32x4.splat(0);
  for (let row = begin; row < end; row += 4) {
    const count = end - row;
    const initial = initialState ? load4(at(initialState, row), count) : zero;
    let carry = dfinalState ? load4(at(dfinalState, row), count) : zero;
    for (let s = time - 1, place = row * time + from; s >= 0; s--, place += by) {
      const before = s ? gather4(at(h, place + by), time, count) : initial;
      const g = dh ? f32x4.add(carry, gather4(at(dh, place), time, count)) : carry;
      scatter4(at(db, place), time, g, count);
      scatter4(at(da, place), time, f32x4.mul(g, before), count);
      carry = f32x4.mul(gather4(at(a, place), time, count), g);
    }
    store4(at(dinitialState, row), carry, count);
  }
}
