/**
 * Gradient of complex linear recurrences, from the last step to the first. A unit is a group of four rows, a lane each.
 * `carry` is the gradient by the state before the step that was handled last.
 *
 * Work: eight multiply-adds an element of 8 bytes, depth the number of steps, one pass. Moves 40 bytes an element, the
 * least possible.
 */
import { madd, nmadd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, gather4, scatter4 } from "../../../wasm/src/snippets/memory.as.ts";
import { firstRow, rowsApart, rowsLeft, rowStart } from "../../../wasm/src/snippets/rows.as.ts";

export function complexLinearScanBackward(
  begin: i32, end: i32, scratch: usize,
  outer: i32, time: i32, inner: i32,
  a: usize, h: usize, initialState: usize, dh: usize, dfinalState: usize,
  da: usize, db: usize, dinitialState: usize,
  reverse: i32, exclusive: i32,
): void {
  const apart = 2 * rowsApart(time, inner);
  const by = reverse ? 2 * inner : -2 * inner;
  const zero = f32x4.splat(0);
  for (let group = begin; group < end; group++) {
    const row = firstRow(group, inner);
    const count = rowsLeft(row, outer, inner);
    const state = 2 * row;
    let carryRe = dfinalState ? gather4(at(dfinalState, state), 2, count) : zero;
    let carryIm = dfinalState ? gather4(at(dfinalState, state + 1), 2, count) : zero;
    let place = 2 * (rowStart(row, time, inner) + (reverse ? 0 : (time - 1) * inner));
    for (let s = time - 1; s >= 0; s--, place += by) {
      let re = zero; // of the state before
      let im = zero;
      if (exclusive || s) {
        const past = exclusive ? place : place + by;
        re = gather4(at(h, past), apart, count);
        im = gather4(at(h, past + 1), apart, count);
      } else if (initialState) {
        re = gather4(at(initialState, state), 2, count);
        im = gather4(at(initialState, state + 1), 2, count);
      }
      const givenRe = dh ? gather4(at(dh, place), apart, count) : zero;
      const givenIm = dh ? gather4(at(dh, place + 1), apart, count) : zero;
      const gRe = exclusive ? carryRe : f32x4.add(carryRe, givenRe);
      const gIm = exclusive ? carryIm : f32x4.add(carryIm, givenIm);
      scatter4(at(db, place), apart, gRe, count);
      scatter4(at(db, place + 1), apart, gIm, count);
      scatter4(at(da, place), apart, madd(re, gRe, f32x4.mul(im, gIm)), count);
      scatter4(at(da, place + 1), apart, nmadd(im, gRe, f32x4.mul(re, gIm)), count);
      const aRe = gather4(at(a, place), apart, count);
      const aIm = gather4(at(a, place + 1), apart, count);
      carryRe = madd(aRe, gRe, f32x4.mul(aIm, gIm));
      carryIm = nmadd(aIm, gRe, f32x4.mul(aRe, gIm));
      if (exclusive) {
        carryRe = f32x4.add(carryRe, givenRe);
        carryIm = f32x4.add(carryIm, givenIm);
      }
    }
    scatter4(at(dinitialState, state), 2, carryRe, count);
    scatter4(at(dinitialState, state + 1), 2, carryIm, count);
  }
}
