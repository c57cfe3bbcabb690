/**
 * Gradient of running maxima: sums that begin anew at every record, from the end of the scan to its beginning. A unit
 * is a row; four rows are run through at once, a lane each.
 *
 * Work: an addition and two comparisons an element, one pass. Moves 16 bytes an element, the least possible.
 */
import { at, gather4, scatter4 } from "../../../wasm/src/snippets/memory.as.ts";

export function scanMaxBackward(
  begin: i32, end: i32, scratch: usize,
  time: i32,
  x: usize, y: usize, dy: usize,
  dx: usize,
  reverse: i32,
): void {
  const from = reverse ? 0 : time - 1;
  const by = reverse ? 1 : -1;
  for (let row = begin; row < end; row += 4) {
    const count = end - row;
    let sum = f32x4.splat(0);
    for (let s = 0, place = row * time + from; s < time; s++, place += by) {
      const value = gather4(at(x, place), time, count);
      const top = gather4(at(y, place), time, count);
      sum = f32x4.add(sum, gather4(at(dy, place), time, count));
      const record = v128.or(f32x4.eq(value, top), f32x4.ne(value, value)); // a NaN is one
      scatter4(at(dx, place), time, v128.and(sum, record), count);
      sum = v128.andnot(sum, record);
    }
  }
}
