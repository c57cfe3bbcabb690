/** What the kernels of attention share: rows, four at a time or in panels of eight, beside a tile of a stream of others. */
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { COLUMNS } from "../../../wasm/src/snippets/product.as.ts";
import { sums4 } from "../../../wasm/src/snippets/sum.as.ts";

/** Elements of a tile that pass four rows. */
export const TILE: i32 = 64;

/** The products of four rows with one, a lane each. */
@inline
export function dots4(a: usize, b: usize, c: usize, d: usize, one: usize, size: i32): v128 {
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  for (let i = 0; i < size; i += 4) {
    const count = size - i;
    const x = load4(at(one, i), count);
    s0 = madd(load4(at(a, i), count), x, s0);
    s1 = madd(load4(at(b, i), count), x, s1);
    s2 = madd(load4(at(c, i), count), x, s2);
    s3 = madd(load4(at(d, i), count), x, s3);
  }
  return sums4(s0, s1, s2, s3);
}

/**
 * `sums += weight · row` over the rows `begin` to `end` of a stream, `stride` elements apart, but those whose `mask` is 0.
 * Weights are one lane of the vectors at `weights`.
 */
export function accumulate(
  sums: usize, size: i32, weights: usize, stream: usize, stride: i32, begin: i32, end: i32, mask: usize,
): void {
  let i = 0;
  for (; i + 16 <= size; i += 16) {
    const to = at(sums, i);
    let s0 = v128.load(to), s1 = v128.load(to, 16), s2 = v128.load(to, 32), s3 = v128.load(to, 48);
    for (let j = begin; j < end; j++) {
      if (mask != 0 && load<i32>(at(mask, j)) == 0) continue;
      const weight = v128.load32_splat(weights + ((<usize>j) << 4));
      const from = at(stream, j * stride + i);
      s0 = madd(weight, v128.load(from), s0);
      s1 = madd(weight, v128.load(from, 16), s1);
      s2 = madd(weight, v128.load(from, 32), s2);
      s3 = madd(weight, v128.load(from, 48), s3);
    }
    v128.store(to, s0);
    v128.store(to, s1, 16);
    v128.store(to, s2, 32);
    v128.store(to, s3, 48);
  }
  for (; i < size; i += 4) {
    const count = size - i;
    let sum = load4(at(sums, i), count);
    for (let j = begin; j < end; j++) {
      if (mask != 0 && load<i32>(at(mask, j)) == 0) continue;
      sum = madd(v128.load32_splat(weights + ((<usize>j) << 4)), load4(at(stream, j * stride + i), count), sum);
    }
    store4(at(sums, i), sum, count);
  }
}

/** `x[i] · by`, in place. */
export function scaleBy(x: usize, size: i32, by: f32): void {
  const factor = f32x4.splat(by);
  for (let i = 0; i < size; i += 4) store4(at(x, i), f32x4.mul(load4(at(x, i), size - i), factor), size - i);
}

/** Place of row `row` of the rows that share the keys of head `g`, by query and then by head; or of the last that is there. */
@inline
export function place(row: i32, rows: i32, b: i32, g: i32, queries: i32, heads: i32, share: i32): i32 {
  const r = min(row, rows - 1);
  return (b * queries + r / share) * heads + g * share + r % share;
}

/** Elements of a tile that pass panels of eight rows, a multiple of the six rows of a product. */
export const SPAN: i32 = 48;

// Of a panel is noted, each in eight places: where what a row sees of the stream begins, and where it ends.
export const BEGIN: i32 = 0;
export const LIMIT: i32 = 8;

/** A row as a column of a panel, `scale` times as large. */
@inline
export function packRow(from: usize, size: i32, scale: f32, to: usize): void {
  for (let d = 0; d < size; d++) store<f32>(at(to, d * COLUMNS), scale * load<f32>(at(from, d)));
}

/** Adds the values that rows see, each times its weight: as a product would, but for those that they do not see. */
export function addVisible(
  weights: usize, size: i32, from: i32, mask: usize, book: usize, sum: usize, valueDim: i32, values: usize, stride: i32,
): void {
  for (let half = 0; half < COLUMNS; half += 4) {
    const begins = v128.load(at(book, BEGIN + half));
    const limits = v128.load(at(book, LIMIT + half));
    for (let c = 0; c < valueDim; c++) {
      let added = f32x4.splat(0);
      for (let j = 0; j < size; j++) {
        if (mask != 0 && load<i32>(at(mask, j)) == 0) continue;
        const key = i32x4.splat(from + j);
        const visible = v128.and(i32x4.gt_s(limits, key), i32x4.le_s(begins, key));
        const value = v128.load_splat<f32>(at(values, j * stride + c));
        added = v128.bitselect(madd(value, v128.load(at(weights, j * COLUMNS + half)), added), added, visible);
      }
      const place = at(sum, c * COLUMNS + half);
      v128.store(place, f32x4.add(v128.load(place), added));
    }
  }
}
