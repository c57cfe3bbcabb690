/**
 * Running products, kept in 64 bits. A unit is a group of four rows, a lane each, multiplied one
 * step after the other: a row has the bits of the reference, whatever rows stand beside it.
 *
 * Work: a multiplication an element, depth the number of steps, one pass. Moves 8 bytes an element, the least possible.
 */
import { highHalf, joined, lowHalf } from "../../../wasm/src/snippets/double.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { firstRow, loadRows, rowsApart, rowsLeft, rowStart, storeRows } from "../../../wasm/src/snippets/rows.as.ts";

export function scanProduct(
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
    const start = initialState ? load4(at(initialState, row), count) : f32x4.splat(1);
    let low = lowHalf(start);
    let high = highHalf(start);
    let place = rowStart(row, time, inner) + (reverse ? (time - 1) * inner : 0);
    for (let s = 0; s < time; s++, place += by) {
      const value = loadRows(at(x, place), apart, count);
      if (exclusive) storeRows(at(y, place), apart, joined(low, high), count);
      low = f64x2.mul(low, lowHalf(value));
      high = f64x2.mul(high, highHalf(value));
      if (!exclusive) storeRows(at(y, place), apart, joined(low, high), count);
    }
    store4(at(finalState, row), joined(low, high), count);
  }
}
