/**
 * Gradient of running maxima: sums that begin anew at every record, from the end of the scan to its beginning. A unit is a
 * group of four rows, a lane each.
 *
 * Work: an addition and two comparisons an element, depth the number of steps, one pass. Moves 16 bytes an element, the
 * least possible.
 */
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { firstRow, loadRows, rowsApart, rowsLeft, rowStart, storeRows } from "../../../wasm/src/snippets/rows.as.ts";

export function scanMaxBackward(
  begin: i32, end: i32, scratch: usize,
  outer: i32, time: i32, inner: i32,
  x: usize, y: usize, initialState: usize, dy: usize, dfinalState: usize,
  dx: usize, dinitialState: usize,
  reverse: i32, exclusive: i32,
): void {
  const apart = rowsApart(time, inner);
  const by = reverse ? inner : -inner;
  const zero = f32x4.splat(0);
  const least = f32x4.splat(-f32.POSITIVE_INFINITY);
  for (let group = begin; group < end; group++) {
    const row = firstRow(group, inner);
    const count = rowsLeft(row, outer, inner);
    const start = initialState ? load4(at(initialState, row), count) : least;
    let sum = dfinalState ? load4(at(dfinalState, row), count) : zero;
    let place = rowStart(row, time, inner) + (reverse ? 0 : (time - 1) * inner);
    for (let s = time - 1; s >= 0; s--, place += by) {
      const value = loadRows(at(x, place), apart, count);
      let before = start;
      if (exclusive) before = loadRows(at(y, place), apart, count);
      else if (s) before = loadRows(at(y, place + by), apart, count);
      const given = dy ? loadRows(at(dy, place), apart, count) : zero;
      if (!exclusive) sum = f32x4.add(sum, given);
      const record = v128.or(f32x4.ge(value, before), f32x4.ne(value, value)); // a NaN is one
      storeRows(at(dx, place), apart, v128.and(sum, record), count);
      sum = v128.andnot(sum, record);
      if (exclusive) sum = f32x4.add(sum, given);
    }
    store4(at(dinitialState, row), sum, count);
  }
}
