/**
 * Linear recurrences. A unit is a row; four rows are run through at once, a lane each, one step after the other, so
 * that a sequence cut anywhere and continued has the bits of the whole.
 *
 * Work: a multiply-add an element, one pass. Moves 12 bytes an element, the least possible.
 */
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, gather4, load4, scatter4, store4 } from "../../../wasm/src/snippets/memory.as.ts";

export function linearScan(
  begin: i32, end: i32, scratch: usize,
  time: i32,
  a: usize, b: usize, initialState: usize,
  h: usize, finalState: usize,
  reverse: i32,
): void {
  const from = reverse ? time - 1 : 0;
  const by = reverse ? -1 : 1;
  for (let row = begin; row < end; row += 4) {
    const count = end - row;
    let state = initialState ? load4(at(initialState, row), count) : f32x4.splat(0);
    for (let s = 0, place = row * time + from; s < time; s++, place += by) {
      state = madd(gather4(at(a, place), time, count), state, gather4(at(b, place), time, count));
      scatter4(at(h, place), time, state, count);
    }
    store4(at(finalState, row), state, count);
  }
}
