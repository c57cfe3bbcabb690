/**
 * Turns `channel place` into groups of four channels with a lane each, `place channel` within a group, and back.
 * `apart` is the number of vectors from one group to the next, at least `places`.
 */
import { at, gather4, scatter4 } from "./memory.as.ts";

export function toLanes(rows: usize, lanes: usize, channels: i32, places: i32, apart: i32): void {
  for (let e = 0; e < channels; e += 4) {
    const from = at(rows, e * places);
    const to = at(lanes, e * apart);
    const count = channels - e;
    let n = 0;
    if (count >= 4) {
      for (; n + 4 <= places; n += 4) transpose(at(from, n), places, at(to, n * 4), 4);
    }
    for (; n < places; n++) v128.store(at(to, n * 4), gather4(at(from, n), places, count));
  }
}

export function fromLanes(lanes: usize, rows: usize, channels: i32, places: i32, apart: i32): void {
  for (let e = 0; e < channels; e += 4) {
    const from = at(lanes, e * apart);
    const to = at(rows, e * places);
    const count = channels - e;
    let n = 0;
    if (count >= 4) {
      for (; n + 4 <= places; n += 4) transpose(at(from, n * 4), 4, at(to, n), places);
    }
    for (; n < places; n++) scatter4(at(to, n), places, v128.load(at(from, n * 4)), count);
  }
}

/** A block of 4 x 4 elements; strides are from row to row. */
@inline
export function transpose(from: usize, fromStride: i32, to: usize, toStride: i32): void {
  const a = v128.load(from);
  const b = v128.load(at(from, fromStride));
  const c = v128.load(at(from, fromStride * 2));
  const d = v128.load(at(from, fromStride * 3));
  const ab = i32x4.shuffle(a, b, 0, 4, 1, 5); // a0 b0 a1 b1
  const cd = i32x4.shuffle(c, d, 0, 4, 1, 5);
  const abRest = i32x4.shuffle(a, b, 2, 6, 3, 7); // a2 b2 a3 b3
  const cdRest = i32x4.shuffle(c, d, 2, 6, 3, 7);
  v128.store(to, i64x2.shuffle(ab, cd, 0, 2));
  v128.store(at(to, toStride), i64x2.shuffle(ab, cd, 1, 3));
  v128.store(at(to, toStride * 2), i64x2.shuffle(abRest, cdRest, 0, 2));
  v128.store(at(to, toStride * 3), i64x2.shuffle(abRest, cdRest, 1, 3));
}
