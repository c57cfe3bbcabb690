/**
 * Gradient of complex linear recurrences, from the last step to the first. A unit is a row; four rows are run through
 * at once, a lane each. `carry` is the gradient by the state before the step that was handled last.
 *
 * Work: eight multiply-adds an element of 8 bytes, one pass. Moves 40 bytes an element, the least possible.
 */
import { madd, nmadd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, gather4, scatter4 } from "../../../wasm/src/snippets/memory.as.ts";

export function complexLinearScanBackward(
  begin: i32, end: i32, scratch: usize,
  time: i32,
  a: usize, h: usize, initialState: usize, dh: usize, dfinalState: usize,
  da: usize, db: usize, dinitialState: usize,
  reverse: i32,
): void {
  const apart = 2 * time;
  const from = reverse ? 0 : apart - 2;
  const by = reverse ? 2 : -2;
  const zero = f32x4.splat(0);
  for (let row = begin; row < end; row += 4) {
    const count = end - row;
    const state = 2 * row;
    let carryRe = dfinalState ? gather4(at(dfinalState, state), 2, count) : zero;
    let carryIm = dfinalState ? gather4(at(dfinalState, state + 1), 2, count) : zero;
    for (let s = time - 1, place = row * apart + from; s >= 0; s--, place += by) {
      let re = zero; // of the state before
      let im = zero;
      if (s) {
        re = gather4(at(h, place + by), apart, count);
        im = gather4(at(h, place + by + 1), apart, count);
      } else if (initialState) {
        re = gather4(at(initialState, state), 2, count);
        im = gather4(at(initialState, state + 1), 2, count);
      }
      let gRe = carryRe;
      let gIm = carryIm;
      if (dh) {
        gRe = f32x4.add(gRe, gather4(at(dh, place), apart, count));
        gIm = f32x4.add(gIm, gather4(at(dh, place + 1), apart, count));
      }
      scatter4(at(db, place), apart, gRe, count);
      scatter4(at(db, place + 1), apart, gIm, count);
      scatter4(at(da, place), apart, madd(re, gRe, f32x4.mul(im, gIm)), count);
      scatter4(at(da, place + 1), apart, nmadd(im, gRe, f32x4.mul(re, gIm)), count);
      const aRe = gather4(at(a, place), apart, count);
      const aIm = gather4(at(a, place + 1), apart, count);
      carryRe = madd(aRe, gRe, f32x4.mul(aIm, gIm));
      carryIm = nmadd(aIm, gRe, f32x4.mul(aRe, gIm));
    }
    scatter4(at(dinitialState, state), 2, carryRe, count);
    scatter4(at(dinitialState, state + 1), 2, carryIm, count);
  }
}
