import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";

/**
 * Products with q8 and q4 weights, in the layout of `tensor/src/weights/blocks.ts`, in integers: a first pass, here, rounds
 * `x` to integers, block by block of 32, a second one multiplies: one row in `matmul.blocks-row.as.ts`, more in
 * `matmul.blocks-rows.as.ts`.
 *
 *     x = s · a      q8: |a| <= 32767      q4: |a| <= 127
 *
 * `s` is the largest magnitude of the block over that. Sums of a block are exact: in q8 of 16 bits by 8 in 32, in q4 of 8
 * bits by 4 in 16, within 8 · 2 · 127 · 8 = 16256 of zero: a sum of pairs starts from -8 times the numbers of `x` in it, as
 * weights count from -8, and may run over on the way. A sum over blocks is in f32, in order,
 * without fused instructions: both builds, and any number of threads and of rows beside it, give a row the same bits.
 */
export const BLOCK = 32;
export const GROUP = 8;
/** Rows that many of them are taken by. */
export const ROWS = 4;
/** Bytes of a block of one row of x: its scale, what the sums over it start from in q4, and its integers. */
export const HEAD = 8;
export const X8 = HEAD + 64;
export const X4 = HEAD + 32;
/** The same of four rows: four scales, four starts, then integers in words of four bytes, in the order "word row". */
export const HEADS = ROWS * HEAD;
/** Bytes of eight scales of weights, and of a record. */
export const SCALES = 16;
export const W8 = SCALES + 256;
export const W4 = SCALES + 128;
/** Blocks with a smaller peak are taken for zero: the reciprocal of their scale is no number. */
const TINY: f32 = 1e-34;

/** First pass for q8 weights, one row. */
export function integersQ8(begin: i32, end: i32, _scratch: usize, x: usize, inner: i32, to: usize): void {
  if (begin < end) rowQ8(x, inner, to, 1);
}

/** First pass for q8 weights. A unit is four rows, or those that are left. */
export function integersRowsQ8(begin: i32, end: i32, _scratch: usize, x: usize, rows: i32, inner: i32, to: usize): void {
  const size = <usize>((inner + BLOCK - 1) / BLOCK) * X8 * ROWS;
  for (let unit = begin; unit < end; unit++) {
    const first = unit * ROWS;
    const group = to + (<usize>unit) * size;
    // a row that is not there has zeros for scales
    if (first + ROWS > rows) memory.fill(group, 0, size);
    for (let r = 0; r < min(ROWS, rows - first); r++) rowQ8(at(x, (first + r) * inner), inner, at(group, r), ROWS);
  }
}

/** As `integersQ8`, for q4 weights. */
export function integersQ4(begin: i32, end: i32, _scratch: usize, x: usize, inner: i32, to: usize): void {
  if (begin < end) rowQ4(x, inner, to, 1);
}

/** As `integersRowsQ8`, for q4 weights. */
export function integersRowsQ4(begin: i32, end: i32, _scratch: usize, x: usize, rows: i32, inner: i32, to: usize): void {
  const size = <usize>((inner + BLOCK - 1) / BLOCK) * X4 * ROWS;
  for (let unit = begin; unit < end; unit++) {
    const first = unit * ROWS;
    const group = to + (<usize>unit) * size;
    if (first + ROWS > rows) memory.fill(group, 0, size);
    for (let r = 0; r < min(ROWS, rows - first); r++) rowQ4(at(x, (first + r) * inner), inner, at(group, r), ROWS);
  }
}

/** A row for q8 weights, whose words lie `apart` words from each other. */
@inline
function rowQ8(x: usize, inner: i32, to: usize, apart: i32): void {
  for (let block = 0; block < inner; block += BLOCK, to += X8 * <usize>apart) {
    const left = inner - block;
    const from = at(x, block);
    const inverse = writeScale(to, peakOf(from, left), 32767);
    for (let i = 0; i < BLOCK; i += 8) {
      const low = rounded(from, left, i, inverse);
      const high = rounded(from, left, i + 4, inverse);
      storeWords(at(to, (HEAD / 4 + i / 2) * apart), i16x8.narrow_i32x4_s(low, high), apart);
    }
  }
}

/** A row for q4 weights. */
@inline
function rowQ4(x: usize, inner: i32, to: usize, apart: i32): void {
  for (let block = 0; block < inner; block += BLOCK, to += X4 * <usize>apart) {
    const left = inner - block;
    const from = at(x, block);
    const inverse = writeScale(to, peakOf(from, left), 127);
    let sums = i32x4.splat(0);
    for (let i = 0; i < BLOCK; i += 16) {
      const a = rounded(from, left, i, inverse);
      const b = rounded(from, left, i + 4, inverse);
      const c = rounded(from, left, i + 8, inverse);
      const d = rounded(from, left, i + 12, inverse);
      sums = i32x4.add(sums, i32x4.add(i32x4.add(a, b), i32x4.add(c, d)));
      storeWords(at(to, (HEAD / 4 + i / 4) * apart), bytesOf(a, b, c, d), apart);
    }
    const even = i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1);
    const odd = i32x4.extract_lane(sums, 2) + i32x4.extract_lane(sums, 3);
    store<i16>(at(to, apart), <i16>(-8 * even));
    store<i16>(at(to, apart), <i16>(-8 * odd), 2);
  }
}

@inline
function storeWords(to: usize, words: v128, apart: i32): void {
  if (apart == 1) {
    v128.store(to, words);
    return;
  }
  v128.store32_lane(to, words, 0);
  v128.store32_lane(at(to, apart), words, 1);
  v128.store32_lane(at(to, 2 * apart), words, 2);
  v128.store32_lane(at(to, 3 * apart), words, 3);
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
function writeScale(to: usize, peak: f32, steps: f32): v128 {
  if (peak < TINY) {
    store<f32>(to, 0);
    return f32x4.splat(0);
  }
  store<f32>(to, peak / steps);
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

/** The product of a block's sums with the scales of weights and that of x, in all lanes, added to `total`. */
@inline
export function scaled(total: v128, sums: v128, scales: v128, scale: v128): v128 {
  return f32x4.add(total, f32x4.mul(f32x4.convert_i32x4_s(sums), f32x4.mul(scales, scale)));
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
