/**
 * Parts of rows that lie far apart, brought close together and back. No processor fetches ahead what comes every few KiB. So
 * these loops do nothing else, in few instructions: then loads of many rows are under way at once.
 */
import { at, load4, store4 } from "./memory.as.ts";

/** The first `channels` of rows that lie `inner` elements apart, to rows of `wide`; what is missing there is zeros. */
export function gatherRows(rows: usize, inner: i32, channels: i32, length: i32, to: usize, wide: i32): void {
  const end = at(rows, inner * length);
  for (; rows < end; rows = at(rows, inner)) {
    let e = 0;
    for (; e + 32 <= channels; e += 32, to += 128) copy32(at(rows, e), to);
    for (; e < wide; e += 4, to += 16) {
      const count = channels - e;
      v128.store(to, count > 0 ? load4(at(rows, e), count) : f32x4.splat(0));
    }
  }
}

/** The way back of `gatherRows`. */
export function scatterRows(from: usize, wide: i32, channels: i32, length: i32, rows: usize, inner: i32): void {
  const end = at(rows, inner * length);
  for (; rows < end; rows = at(rows, inner), from = at(from, wide)) {
    let e = 0;
    for (; e + 32 <= channels; e += 32) copy32(at(from, e), at(rows, e));
    for (; e < channels; e += 4) {
      store4(at(rows, e), v128.load(at(from, e)), channels - e);
    }
  }
}

@inline
function copy32(from: usize, to: usize): void {
  v128.store(to, v128.load(from));
  v128.store(to, v128.load(from, 16), 16);
  v128.store(to, v128.load(from, 32), 32);
  v128.store(to, v128.load(from, 48), 48);
  v128.store(to, v128.load(from, 64), 64);
  v128.store(to, v128.load(from, 80), 80);
  v128.store(to, v128.load(from, 96), 96);
  v128.store(to, v128.load(from, 112), 112);
}

/** Adds a row of so many channels to each of rows of `wide` elements. */
export function addToRows(row: usize, channels: i32, length: i32, rows: usize, wide: i32): void {
  for (let t = 0; t < length; t++) {
    for (let e = 0; e < channels; e += 4) {
      v128.store(at(rows, e), f32x4.add(v128.load(at(rows, e)), load4(at(row, e), channels - e)));
    }
    rows = at(rows, wide);
  }
}
