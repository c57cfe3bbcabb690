/**
 * Complex linear recurrences. A unit is a row; four rows are run through at once, a lane each, real and imaginary parts
 * in vectors of their own, one step after the other.
 *
 * Work: four multiply-adds an element of 8 bytes, one pass. Moves 24 bytes an element, the least possible.
 */
import { madd, nmadd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, gather4, scatter4 } from "../../../wasm/src/snippets/memory.as.ts";

export function complexLinearScan(
  begin: i32, end: i32, scratch: usize,
  time: i32,
  a: usize, b: usize, initialState: usize,
  h: usize, finalState: usize,
  reverse: i32,
): void {
  const apart = 2 * time;
  const from = reverse ? apart - 2 : 0;
  const by = reverse ? -2 : 2;
  for (let row = begin; row < end; row += 4) {
    const count = end - row;
    let re = f32x4.splat(0);
    let im = re;
    if (initialState) {
      re = gather4(at(initialState, 2 * row), 2, count);
      im = gather4(at(initialState, 2 * row + 1), 2, count);
    }
    for (let s = 0, place = row * apart + from; s < time; s++, place += by) {
      const aRe = gather4(at(a, place), apart, count);
      const aIm = gather4(at(a, place + 1), apart, count);
      const turned = madd(aRe, im, gather4(at(b, place + 1), apart, count));
      const kept = madd(aRe, re, gather4(at(b, place), apart, count));
      const before = re;
      re = nmadd(aIm, im, kept);
      im = madd(aIm, before, turned);
      scatter4(at(h, place), apart, re, count);
      scatter4(at(h, place + 1), apart, im, count);
    }
    scatter4(at(finalState, 2 * row), 2, re, count);
    scatter4(at(finalState, 2 * row + 1), 2, im, count);
  }
}
