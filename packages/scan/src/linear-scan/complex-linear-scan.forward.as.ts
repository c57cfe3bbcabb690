/**
 * Complex linear recurrences. A unit is a group of four rows, a lane each, real and imaginary parts in vectors of their
 * own, one step after the other.
 *
 * Work: four multiply-adds an element of 8 bytes, depth the number of steps, one pass. Moves 24 bytes an element, the
 * least possible.
 */
import { madd, nmadd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, gather4, scatter4 } from "../../../wasm/src/snippets/memory.as.ts";
import { firstRow, rowsApart, rowsLeft, rowStart } from "../../../wasm/src/snippets/rows.as.ts";

export function complexLinearScan(
  begin: i32, end: i32, scratch: usize,
  outer: i32, time: i32, inner: i32,
  a: usize, b: usize, initialState: usize,
  h: usize, finalState: usize,
  reverse: i32, exclusive: i32,
): void {
  const apart = 2 * rowsApart(time, inner);
  const by = reverse ? -2 * inner : 2 * inner;
  for (let group = begin; group < end; group++) {
    const row = firstRow(group, inner);
    const count = rowsLeft(row, outer, inner);
    let re = f32x4.splat(0);
    let im = re;
    if (initialState) {
      re = gather4(at(initialState, 2 * row), 2, count);
      im = gather4(at(initialState, 2 * row + 1), 2, count);
    }
    let place = 2 * (rowStart(row, time, inner) + (reverse ? (time - 1) * inner : 0));
    for (let s = 0; s < time; s++, place += by) {
      const aRe = gather4(at(a, place), apart, count);
      const aIm = gather4(at(a, place + 1), apart, count);
      const turned = madd(aRe, im, gather4(at(b, place + 1), apart, count));
      const kept = madd(aRe, re, gather4(at(b, place), apart, count));
      const nextRe = nmadd(aIm, im, kept);
      const nextIm = madd(aIm, re, turned);
      scatter4(at(h, place), apart, exclusive ? re : nextRe, count);
      scatter4(at(h, place + 1), apart, exclusive ? im : nextIm, count);
      re = nextRe;
      im = nextIm;
    }
    scatter4(at(finalState, 2 * row), 2, re, count);
    scatter4(at(finalState, 2 * row + 1), 2, im, count);
  }
}
