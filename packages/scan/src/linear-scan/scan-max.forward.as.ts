/**
 * Running maxima. A unit is a row; four rows are run through at once, a lane each, one step after the other. A NaN
 * enters by its own comparison and stays, as no comparison with it holds; `f32x4.max` would take twice as long.
 *
 * Work: a comparison an element, one pass. Moves 8 bytes an element, the least possible.
 */
import { at, gather4, scatter4 } from "../../../wasm/src/snippets/memory.as.ts";

export function scanMax(begin: i32, end: i32, scratch: usize, time: i32, x: usize, y: usize, reverse: i32): void {
  const from = reverse ? time - 1 : 0;
  const by = reverse ? -1 : 1;
  for (let row = begin; row < end; row += 4) {
    const count = end - row;
    let top = f32x4.splat(-f32.POSITIVE_INFINITY);
    for (let s = 0, place = row * time + from; s < time; s++, place += by) {
      const value = gather4(at(x, place), time, count);
      top = v128.bitselect(value, top, v128.or(f32x4.ge(value, top), f32x4.ne(value, value)));
      scatter4(at(y, place), time, top, count);
    }
  }
}
