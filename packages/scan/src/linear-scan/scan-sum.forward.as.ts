/**
 * Running sums, kept in 64 bits so that long rows lose nothing. A unit is a row; four rows are summed at once, a lane
 * each, one step after the other, so a row has the same bits whatever rows stand beside it: those of the reference.
 *
 * Work: an addition an element, one pass. Moves 8 bytes an element, the least possible.
 */
import { highHalf, lowHalf } from "../../../wasm/src/snippets/double.as.ts";
import { at, gather4, scatter4 } from "../../../wasm/src/snippets/memory.as.ts";

export function scanSum(begin: i32, end: i32, scratch: usize, time: i32, x: usize, y: usize, reverse: i32): void {
  const from = reverse ? time - 1 : 0;
  const by = reverse ? -1 : 1;
  for (let row = begin; row < end; row += 4) {
    const count = end - row;
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    for (let s = 0, place = row * time + from; s < time; s++, place += by) {
      const value = gather4(at(x, place), time, count);
      low = f64x2.add(low, lowHalf(value));
      high = f64x2.add(high, highHalf(value));
      const sums = i64x2.shuffle(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2);
      scatter4(at(y, place), time, sums, count);
    }
  }
}
