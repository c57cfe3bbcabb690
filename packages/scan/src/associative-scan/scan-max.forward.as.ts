/**
 * Running maxima. A unit is a group of four rows, a lane each, one step after the other. A NaN enters by its own
 * comparison and stays, as no comparison with it holds; `f32x4.max` would take twice as long.
 *
 * Work: a comparison an element, depth the number of steps, one pass. Moves 8 bytes an element, the least possible.
 */
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { firstRow, loadRows, rowsApart, rowsLeft, rowStart, storeRows } from "../../../wasm/src/snippets/rows.as.ts";

export function scanMax(
  begin: i32, end: i32, scratch: usize,
  outer: i32, time: i32, inner: i32,
  x: usize, initialState: usize, y: usize, finalState: usize,
  reverse: i32, exclusive: i32,
): void {
  const apart = rowsApart(time, inner);
  const by = reverse ? -inner : inner;
  for (let group = begin; group < end; group++) {
    const row = firstRow(group, inner);
    const count = rowsLeft(row, outer, inner);
    let top = initialState ? load4(at(initialState, row), count) : f32x4.splat(-f32.POSITIVE_INFINITY);
    let place = rowStart(row, time, inner) + (reverse ? (time - 1) * inner : 0);
    for (let s = 0; s < time; s++, place += by) {
      const value = loadRows(at(x, place), apart, count);
      if (exclusive) storeRows(at(y, place), apart, top, count);
      top = v128.bitselect(value, top, v128.or(f32x4.ge(value, top), f32x4.ne(value, value)));
      if (!exclusive) storeRows(at(y, place), apart, top, count);
    }
    store4(at(finalState, row), top, count);
  }
}
