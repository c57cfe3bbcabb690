/**
 * Running sums. A unit is a row; four rows are summed at once, a lane each, one step after the other, so a row has the
 * same bits whatever rows stand beside it. `from` and `by` give the direction.
 *
 * Work: an addition an element, one pass. Moves 8 bytes an element, the least possible.
 */
import { at, gather4, scatter4 } from "../../../wasm/src/snippets/memory.as.ts";

export function scanSum(begin: i32, end: i32, scratch: usize, time: i32, x: usize, y: usize, reverse: i32): void {
  const from = reverse ? time - 1 : 0;
  const by = reverse ? -1 : 1;
  for (let row = begin; row < end; row += 4) {
    const count = end - row;
    let sum = f32x4.splat(0);
    for (let s = 0, place = row * time + from; s < time; s++, place += by) {
      sum = f32x4.add(sum, gather4(at(x, place), time, count));
      scatter4(at(y, place), time, sum, count);
    }
  }
}
