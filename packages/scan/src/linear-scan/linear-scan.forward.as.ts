/**
 * Linear recurrences. A unit is a group of four rows, a lane each, one step after the other, so that a sequence cut
 * anywhere and continued has the bits of the whole.
 *
 * Work: a multiply-add an element, depth the number of steps, one pass. Moves 12 bytes an element, the least possible.
 */
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { firstRow, loadRows, rowsApart, rowsLeft, rowStart, storeRows } from "../../../wasm/src/snippets/rows.as.ts";

export function linearScan(
  begin: i32, end: i32, scratch: usize,
  outer: i32, time: i32, inner: i32,
  a: usize, b: usize, initialState: usize,
  h: usize, finalState: usize,
  reverse: i32, exclusive: i32,
): void {
  const apart = rowsApart(time, inner);
  const by = reverse ? -inner : inner;
  for (let group = begin; group < end; group++) {
    const row = firstRow(group, inner);
    const count = rowsLeft(row, outer, inner);
    let state = initialState ? load4(at(initialState, row), count) : f32x4.splat(0);
    let place = rowStart(row, time, inner) + (reverse ? (time - 1) * inner : 0);
    for (let s = 0; s < time; s++, place += by) {
      const factor = loadRows(at(a, place), apart, count);
      const added = loadRows(at(b, place), apart, count);
      if (exclusive) storeRows(at(h, place), apart, state, count);
      state = madd(factor, state, added);
      if (!exclusive) storeRows(at(h, place), apart, state, count);
    }
    store4(at(finalState, row), state, count);
  }
}
