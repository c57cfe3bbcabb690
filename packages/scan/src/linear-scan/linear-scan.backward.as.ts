/**
 * Gradient of linear recurrences, from the last step to the first. A unit is a group of four rows, a lane each. `carry` is
 * the gradient by the state before the step that was handled last. Products are recurrences that add nothing: they start
 * from 1 instead of 0, and want no `db`.
 *
 * Work: two multiplications and an addition an element, depth the number of steps, one pass. Moves 20 bytes an element,
 * the least possible.
 */
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { firstRow, loadRows, rowsApart, rowsLeft, rowStart, storeRows } from "../../../wasm/src/snippets/rows.as.ts";

export function linearScanBackward(
  begin: i32, end: i32, scratch: usize,
  outer: i32, time: i32, inner: i32,
  a: usize, h: usize, initialState: usize, dh: usize, dfinalState: usize,
  da: usize, db: usize, dinitialState: usize,
  reverse: i32, exclusive: i32, identity: i32,
): void {
  const apart = rowsApart(time, inner);
  const by = reverse ? inner : -inner;
  const zero = f32x4.splat(0);
  for (let group = begin; group < end; group++) {
    const row = firstRow(group, inner);
    const count = rowsLeft(row, outer, inner);
    const initial = initialState ? load4(at(initialState, row), count) : f32x4.splat(reinterpret<f32>(identity));
    let carry = dfinalState ? load4(at(dfinalState, row), count) : zero;
    let place = rowStart(row, time, inner) + (reverse ? 0 : (time - 1) * inner);
    for (let s = time - 1; s >= 0; s--, place += by) {
      let before = initial;
      if (exclusive) before = loadRows(at(h, place), apart, count);
      else if (s) before = loadRows(at(h, place + by), apart, count);
      const given = dh ? loadRows(at(dh, place), apart, count) : zero;
      const g = exclusive ? carry : f32x4.add(carry, given);
      if (db) storeRows(at(db, place), apart, g, count);
      storeRows(at(da, place), apart, f32x4.mul(g, before), count);
      carry = f32x4.mul(loadRows(at(a, place), apart, count), g);
      if (exclusive) carry = f32x4.add(carry, given);
    }
    store4(at(dinitialState, row), carry, count);
  }
}
