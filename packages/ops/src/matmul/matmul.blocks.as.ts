import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";

/**
 * Products with q8 and q4 weights, in the layout of `tensor/src/weights/blocks.ts`, in integers: a first pass, here, rounds
 * `x` to integers, block by block of 32, a second one multiplies: one row in `matmul.blocks-row.as.ts`, more in
 * `matmul.blocks-rows.as.ts`.
 *
 *     x = s · a      q8: |a| <= 32767      q4: |a| <= 127
 *
 * `s` is the largest magnitude of the block over that. Sums of a block are exact: in q8 of 16 bits by 8 in 32, in q4 of 8
 * bits by 4 in 16, which all of a block's pairs fill up to 8 · 2 · 127 · 15 = 30480. A sum over blocks is in f32, in order,
 * without fused instructions: both builds, and any number of threads and of rows beside it, give a row the same bits.
 */
export const BLOCK = 32;
export const GROUP = 8;
/** Bytes of a block of x: its scale, what a sum over it starts from in q4, and its integers. */
export const HEAD = 8;
export const X8 = HEAD + 64;
export const X4 = HEAD + 32;
/** Bytes of eight scales of weights, and of a record. */
export const SCALES = 16;
export const W8 = SCALES + 256;
export const W4 = SCALES + 128;
/** Blocks with a smaller peak are taken for zero: the reciprocal of their scale is no number. */
const TINY: f32 = 1e-34;

/** First pass: the rows of `x` as integers for q8 weights. A unit is a row. */
export function integersQ8(begin: i32, end: i32, _scratch: usize, x: usize, inner: i32, to: usize): void {
  const blocks = (inner + BLOCK - 1) / BLOCK;
  for (let r = begin; r < end; r++) {
    for (let block = 0; block < blocks; block++) {
      const left = inner - block * BLOCK;
      const from = at(x, r * inner + block * BLOCK);
      const record = to + (<usize>(r * blocks + block)) * X8;
      const inverse = writeScale(record, peakOf(from, left), 32767);
      for (let i = 0; i < BLOCK; i += 8) {
        const low = rounded(from, left, i, inverse);
        const high = rounded(from, left, i + 4, inverse);
        v128.store(record + ((<usize>i) << 1), i16x8.narrow_i32x4_s(low, high), HEAD);
      }
    }
  }
}

/** First pass: the rows of `x` as integers for q4 weights. A unit is a row. */
export function integersQ4(begin: i32, end: i32, _scratch: usize, x: usize, inner: i32, to: usize): void {
  const blocks = (inner + BLOCK - 1) / BLOCK;
  for (let r = begin; r < end; r++) {
    for (let block = 0; block < blocks; block++) {
      const left = inner - block * BLOCK;
      const from = at(x, r * inner + block * BLOCK);
      const record = to + (<usize>(r * blocks + block)) * X4;
      const inverse = writeScale(record, peakOf(from, left), 127);
      let sums = i32x4.splat(0);
      for (let i = 0; i < 2; i++) {
        const a = rounded(from, left, i * 16, inverse);
        const b = rounded(from, left, i * 16 + 4, inverse);
        const c = rounded(from, left, i * 16 + 8, inverse);
        const d = rounded(from, left, i * 16 + 12, inverse);
        sums = i32x4.add(sums, i32x4.add(i32x4.add(a, b), i32x4.add(c, d)));
        v128.store(record + HEAD + ((<usize>i) << 4), bytesOf(a, b, c, d));
      }
      const sum =
        i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1) + i32x4.extract_lane(sums, 2) + i32x4.extract_lane(sums, 3);
      store<i32>(record, -8 * sum, 4);
    }
  }
}

/** The largest magnitude of a block, NaN if it has one. */
function peakOf(from: usize, left: i32): f32 {
  let peak = f32x4.splat(0);
  for (let i = 0; i < min(BLOCK, left); i += 4) peak = f32x4.max(peak, f32x4.abs(load4(at(from, i), left - i)));
  peak = f32x4.max(peak, v128.shuffle<i32>(peak, peak, 2, 3, 0, 1));
  return max(f32x4.extract_lane(peak, 0), f32x4.extract_lane(peak, 1));
}

/** Writes the scale of a block and gives its reciprocal. NaN and infinity stay in the scale, and make the sums NaN. */
@inline
function writeScale(record: usize, peak: f32, steps: f32): v128 {
  if (peak < TINY) {
    store<f32>(record, 0);
    return f32x4.splat(0);
  }
  store<f32>(record, peak / steps);
  return f32x4.splat(steps / peak);
}

@inline
function rounded(from: usize, left: i32, i: i32, inverse: v128): v128 {
  const values = left - i >= 4 ? v128.load(at(from, i)) : left > i ? load4(at(from, i), left - i) : f32x4.splat(0);
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(values, inverse)));
}

@inline
function bytesOf(a: v128, b: v128, c: v128, d: v128): v128 {
  return i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
}

/** Sums of q4 from those of pairs, and what they start from: 8 times the sum over `x`, as weights count from -8. */
@inline
export function sumsOf(pairs: v128, start: v128): v128 {
  return i32x4.add(start, i32x4.extadd_pairwise_i16x8_s(pairs));
}

/** The product of a block's sums with the scales of weights and of x, added to `total`. */
@inline
export function scaled(total: v128, sums: v128, scales: v128, x: usize): v128 {
  return f32x4.add(total, f32x4.mul(f32x4.convert_i32x4_s(sums), f32x4.mul(scales, v128.load32_splat(x))));
}

@inline
export function storeOutputs(y: usize, low: v128, high: v128, bias: usize, count: i32): void {
  if (bias != 0) {
    low = f32x4.add(low, load4(bias, count));
    if (count > 4) high = f32x4.add(high, load4(bias + 16, count - 4));
  }
  store4(y, low, count);
  if (count > 4) store4(y + 16, high, count - 4);
}
