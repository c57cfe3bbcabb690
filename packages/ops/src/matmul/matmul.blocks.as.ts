import { dot4 } from "../../../wasm/src/snippets/dot.as.ts";
import { halves4 } from "../../../wasm/src/snippets/half.as.ts";
import { constant } from "../../../wasm/src/snippets/constant.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";

/**
 * Products with q8 and q4 weights, in the layout of `tensor/src/weights/blocks.ts`, in integers: a first pass rounds
 * `x` to integers, block by block of 32, a second one multiplies.
 *
 *     q8: x = s · (128 · h + l - 8192)      h, l from 0 to 127, |128 · h + l - 8192| <= 8191
 *     q4: x = s · a                         |a| <= 127
 *
 * `s` is the largest magnitude of the block over 8191, or 127. The digits of q8 are as many as two products by weights
 * of 8 bits can take; so the rounding of `x` costs nothing beside that of the weights. Sums of a block are exact; a sum
 * over blocks is in f32, in order, without fused instructions: both builds, and any number of threads and of rows beside
 * it, give a row the same bits.
 */
const BLOCK = 32;
const GROUP = 8;
/** Bytes of a block of x: its scale, what a sum over it starts from, and digits. */
const HEAD = 8;
const X8 = HEAD + 64;
const X4 = HEAD + 32;
/** Bytes of eight scales of weights, and of a record. */
const SCALES = 16;
const W8 = SCALES + 256;
const W4 = SCALES + 128;
/** Blocks with a smaller peak are taken for zero: the reciprocal of their scale is no number. */
const TINY: f32 = 1e-34;
/** Bytes of `x`, as integers, that stay in the second-level cache while the weights pass by. */
const ROW_BLOCK: i32 = 512 * 1024;

/** First pass: the rows of `x` as digits for q8 weights. A unit is a row. */
export function digitsQ8(begin: i32, end: i32, _scratch: usize, x: usize, inner: i32, to: usize): void {
  const blocks = (inner + BLOCK - 1) / BLOCK;
  const half = i32x4.splat(8192);
  for (let r = begin; r < end; r++) {
    for (let block = 0; block < blocks; block++) {
      const left = inner - block * BLOCK;
      const from = at(x, r * inner + block * BLOCK);
      const record = to + (<usize>(r * blocks + block)) * X8;
      const inverse = writeScale(record, peakOf(from, left), 8191);
      for (let i = 0; i < 2; i++) {
        const digits = record + HEAD + ((<usize>i) << 4);
        const a = i32x4.add(rounded(from, left, i * 16, inverse), half);
        const b = i32x4.add(rounded(from, left, i * 16 + 4, inverse), half);
        const c = i32x4.add(rounded(from, left, i * 16 + 8, inverse), half);
        const d = i32x4.add(rounded(from, left, i * 16 + 12, inverse), half);
        v128.store(digits, bytesOf(i32x4.shr_u(a, 7), i32x4.shr_u(b, 7), i32x4.shr_u(c, 7), i32x4.shr_u(d, 7)));
        const low = i32x4.splat(127);
        v128.store(digits, bytesOf(v128.and(a, low), v128.and(b, low), v128.and(c, low), v128.and(d, low)), 32);
      }
    }
  }
}

/** First pass: the rows of `x` as digits for q4 weights. A unit is a row. */
export function digitsQ4(begin: i32, end: i32, _scratch: usize, x: usize, inner: i32, to: usize): void {
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

/** Second pass for q8. A call owns the groups of eight outputs `begin` to `end` of every row. */
export function matmulQ8(
  begin: i32, end: i32, scratch: usize,
  x: usize, weight: usize, bias: usize, y: usize, rows: i32, inner: i32, out: i32,
): void {
  const blocks = (inner + BLOCK - 1) / BLOCK;
  if (rows == 1) {
    oneRowQ8(begin, end, x, weight, bias, y, blocks, out);
    return;
  }
  const stride = (<usize>blocks) * X8;
  const blockRows = max(4, (ROW_BLOCK / max(1, <i32>stride)) & ~3);
  for (let block = 0; block < rows; block += blockRows) {
    const blockEnd = min(block + blockRows, rows);
    for (let group = begin; group < end; group++) {
      const w = weight + (<usize>(group * blocks)) * W8;
      const o = group * GROUP;
      const b = bias == 0 ? 0 : at(bias, o);
      panelQ8(w, scratch, blocks);
      for (let r = block; r < blockEnd; r += 4) {
        const to = at(y, r * out + o);
        fourRows(x + (<usize>r) * stride, stride, scratch, b, to, out, out - o, min(4, blockEnd - r), true);
      }
    }
  }
}

/** Second pass for q4. A call owns the groups of eight outputs `begin` to `end` of every row. */
export function matmulQ4(
  begin: i32, end: i32, scratch: usize,
  x: usize, weight: usize, bias: usize, y: usize, rows: i32, inner: i32, out: i32,
): void {
  const blocks = (inner + BLOCK - 1) / BLOCK;
  if (rows == 1) {
    oneRowQ4(begin, end, x, weight, bias, y, blocks, out);
    return;
  }
  const stride = (<usize>blocks) * X4;
  const blockRows = max(4, (ROW_BLOCK / max(1, <i32>stride)) & ~3);
  for (let block = 0; block < rows; block += blockRows) {
    const blockEnd = min(block + blockRows, rows);
    for (let group = begin; group < end; group++) {
      const w = weight + (<usize>(group * blocks)) * W4;
      const o = group * GROUP;
      const b = bias == 0 ? 0 : at(bias, o);
      panelQ4(w, scratch, blocks);
      for (let r = block; r < blockEnd; r += 4) {
        const to = at(y, r * out + o);
        fourRows(x + (<usize>r) * stride, stride, scratch, b, to, out, out - o, min(4, blockEnd - r), false);
      }
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

/** The product of a block's sums with the scales of weights and of x, added to `total`. */
@inline
function scaled(total: v128, sums: v128, scales: v128, x: usize): v128 {
  return f32x4.add(total, f32x4.mul(f32x4.convert_i32x4_s(sums), f32x4.mul(scales, v128.load32_splat(x))));
}

@inline
function storeOutputs(y: usize, low: v128, high: v128, bias: usize, count: i32): void {
  if (bias != 0) {
    low = f32x4.add(low, load4(bias, count));
    if (count > 4) high = f32x4.add(high, load4(bias + 16, count - 4));
  }
  store4(y, low, count);
  if (count > 4) store4(y + 16, high, count - 4);
}

/** Bytes of a block of a panel: eight scales as f32, what the sums of its rows start from, and their numbers as bytes. */
const PANEL = 32 + 32 + 256;
const NUMBERS = 64;

/** A group of q4 weights, its numbers from 0 to 15. */
function panelQ4(w: usize, panel: usize, blocks: i32): void {
  const nibble = i8x16.splat(15);
  for (let block = 0; block < blocks; block++, w += W4, panel += PANEL) {
    v128.store(panel, halves4(w));
    v128.store(panel, halves4(w + 8), 16);
    for (let p: usize = 0; p < 128; p += 16) {
      const q = v128.load(w + p, SCALES);
      v128.store(panel + p, v128.and(q, nibble), NUMBERS);
      v128.store(panel + p, i8x16.shr_u(q, 4), NUMBERS + 128);
    }
  }
}

/** A group of q8 weights; sums start from -64 times its numbers, which is -8192 when the low digits come. */
function panelQ8(w: usize, panel: usize, blocks: i32): void {
  const start = i8x16.splat(64);
  for (let block = 0; block < blocks; block++, w += W8, panel += PANEL) {
    v128.store(panel, halves4(w));
    v128.store(panel, halves4(w + 8), 16);
    let a = i32x4.splat(0), b = a;
    for (let p: usize = 0; p < 256; p += 32) {
      const q = v128.load(w + p, SCALES);
      const r = v128.load(w + p, SCALES + 16);
      a = dot4(q, start, a);
      b = dot4(r, start, b);
      v128.store(panel + p, q, NUMBERS);
      v128.store(panel + p, r, NUMBERS + 16);
    }
    v128.store(panel, i32x4.neg(a), 32);
    v128.store(panel, i32x4.neg(b), 48);
  }
}

/** Of weights and digits of x, those are the signed bytes that have 8 bits. `wide` is a constant. */
@inline
function product(weights: v128, digits: v128, sum: v128, wide: bool): v128 {
  return wide ? dot4(weights, digits, sum) : dot4(digits, weights, sum);
}

/**
 * Up to four rows by a panel of eight outputs; a row that is not there is taken for the last one that is, and not stored.
 * A dot product for each four numbers of a row and four outputs; the loops are left to the engine to unroll, which does
 * it better than a hand: eight sums, two vectors of weights and one of x leave it few registers.
 */
@inline
function fourRows(
  x0: usize, stride: usize, panel: usize, bias: usize, y: usize,
  out: i32, count: i32, rows: i32, wide: bool,
): void {
  const size: usize = wide ? X8 : X4;
  let x1 = x0 + stride * min(1, rows - 1);
  let x2 = x0 + stride * min(2, rows - 1);
  let x3 = x0 + stride * min(3, rows - 1);
  let l0 = f32x4.splat(0), l1 = l0, l2 = l0, l3 = l0, h0 = l0, h1 = l0, h2 = l0, h3 = l0;
  for (const last = x0 + stride; x0 < last; x0 += size, x1 += size, x2 += size, x3 += size, panel += PANEL) {
    let a0 = wide ? v128.load(panel, 32) : v128.load32_splat(x0, 4), b0 = wide ? v128.load(panel, 48) : a0;
    let a1 = wide ? a0 : v128.load32_splat(x1, 4), b1 = wide ? b0 : a1;
    let a2 = wide ? a0 : v128.load32_splat(x2, 4), b2 = wide ? b0 : a2;
    let a3 = wide ? a0 : v128.load32_splat(x3, 4), b3 = wide ? b0 : a3;
    for (let p: usize = 0; p < 32; p += 4) {
      const q = v128.load(panel + p * 8, NUMBERS);
      const r = v128.load(panel + p * 8, NUMBERS + 16);
      let v = v128.load32_splat(x0 + p, HEAD);
      a0 = product(q, v, a0, wide);
      b0 = product(r, v, b0, wide);
      v = v128.load32_splat(x1 + p, HEAD);
      a1 = product(q, v, a1, wide);
      b1 = product(r, v, b1, wide);
      v = v128.load32_splat(x2 + p, HEAD);
      a2 = product(q, v, a2, wide);
      b2 = product(r, v, b2, wide);
      v = v128.load32_splat(x3 + p, HEAD);
      a3 = product(q, v, a3, wide);
      b3 = product(r, v, b3, wide);
    }
    if (wide) {
      a0 = i32x4.shl(a0, 7);
      a1 = i32x4.shl(a1, 7);
      a2 = i32x4.shl(a2, 7);
      a3 = i32x4.shl(a3, 7);
      b0 = i32x4.shl(b0, 7);
      b1 = i32x4.shl(b1, 7);
      b2 = i32x4.shl(b2, 7);
      b3 = i32x4.shl(b3, 7);
      for (let p: usize = 0; p < 32; p += 4) {
        const q = v128.load(panel + p * 8, NUMBERS);
        const r = v128.load(panel + p * 8, NUMBERS + 16);
        let v = v128.load32_splat(x0 + p, HEAD + 32);
        a0 = dot4(q, v, a0);
        b0 = dot4(r, v, b0);
        v = v128.load32_splat(x1 + p, HEAD + 32);
        a1 = dot4(q, v, a1);
        b1 = dot4(r, v, b1);
        v = v128.load32_splat(x2 + p, HEAD + 32);
        a2 = dot4(q, v, a2);
        b2 = dot4(r, v, b2);
        v = v128.load32_splat(x3 + p, HEAD + 32);
        a3 = dot4(q, v, a3);
        b3 = dot4(r, v, b3);
      }
    }
    let scales = v128.load(panel);
    l0 = scaled(l0, a0, scales, x0);
    l1 = scaled(l1, a1, scales, x1);
    l2 = scaled(l2, a2, scales, x2);
    l3 = scaled(l3, a3, scales, x3);
    scales = v128.load(panel, 16);
    h0 = scaled(h0, b0, scales, x0);
    h1 = scaled(h1, b1, scales, x1);
    h2 = scaled(h2, b2, scales, x2);
    h3 = scaled(h3, b3, scales, x3);
  }
  storeOutputs(y, l0, h0, bias, count);
  if (rows > 1) storeOutputs(at(y, out), l1, h1, bias, count);
  if (rows > 2) storeOutputs(at(y, out * 2), l2, h2, bias, count);
  if (rows > 3) storeOutputs(at(y, out * 3), l3, h3, bias, count);
}

/**
 * One row: weights stream past it as they are stored, from four parts of the groups `begin` to `end` at once, since the
 * processor fetches ahead of four streams twice as fast as of one.
 */
function oneRowQ4(begin: i32, end: i32, x: usize, weight: usize, bias: usize, y: usize, blocks: i32, out: i32): void {
  const size = (<usize>blocks) * W4;
  const part = (end - begin) / 4;
  for (let i = 0; i < part; i++) {
    const first = begin + i;
    const w = weight + size * first;
    fourGroupsQ4(x, w, size * part, bias, y, blocks, first, part, out);
  }
  for (let group = begin + part * 4; group < end; group++) {
    fourGroupsQ4(x, weight + size * group, 0, bias, y, blocks, group, 0, out);
  }
}

/** Four groups, `apart` bytes and `part` groups from one to the next; the same one four times if that is none. */
function fourGroupsQ4(
  x: usize, w: usize, apart: usize, bias: usize, y: usize,
  blocks: i32, first: i32, part: i32, out: i32,
): void {
  let l0 = f32x4.splat(0), l1 = l0, l2 = l0, l3 = l0, h0 = l0, h1 = l0, h2 = l0, h3 = l0;
  const nibble = i8x16.splat(15);
  for (const last = x + (<usize>blocks) * X4; x < last; x += X4, w += W4) {
    let a0 = v128.load32_splat(x, 4), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    for (let p: usize = 0; p < 16; p += 4) {
      const low = v128.load32_splat(x + p, HEAD);
      const high = v128.load32_splat(x + p, HEAD + 16);
      let at = w + p * 8;
      let q = v128.load(at, SCALES);
      a0 = dot4(high, i8x16.shr_u(q, 4), dot4(low, v128.and(q, nibble), a0));
      q = v128.load(at, SCALES + 16);
      b0 = dot4(high, i8x16.shr_u(q, 4), dot4(low, v128.and(q, nibble), b0));
      at += apart;
      q = v128.load(at, SCALES);
      a1 = dot4(high, i8x16.shr_u(q, 4), dot4(low, v128.and(q, nibble), a1));
      q = v128.load(at, SCALES + 16);
      b1 = dot4(high, i8x16.shr_u(q, 4), dot4(low, v128.and(q, nibble), b1));
      at += apart;
      q = v128.load(at, SCALES);
      a2 = dot4(high, i8x16.shr_u(q, 4), dot4(low, v128.and(q, nibble), a2));
      q = v128.load(at, SCALES + 16);
      b2 = dot4(high, i8x16.shr_u(q, 4), dot4(low, v128.and(q, nibble), b2));
      at += apart;
      q = v128.load(at, SCALES);
      a3 = dot4(high, i8x16.shr_u(q, 4), dot4(low, v128.and(q, nibble), a3));
      q = v128.load(at, SCALES + 16);
      b3 = dot4(high, i8x16.shr_u(q, 4), dot4(low, v128.and(q, nibble), b3));
    }
    let scales = w;
    l0 = scaled(l0, a0, halves4(scales), x);
    h0 = scaled(h0, b0, halves4(scales + 8), x);
    scales += apart;
    l1 = scaled(l1, a1, halves4(scales), x);
    h1 = scaled(h1, b1, halves4(scales + 8), x);
    scales += apart;
    l2 = scaled(l2, a2, halves4(scales), x);
    h2 = scaled(h2, b2, halves4(scales + 8), x);
    scales += apart;
    l3 = scaled(l3, a3, halves4(scales), x);
    h3 = scaled(h3, b3, halves4(scales + 8), x);
  }
  storeGroup(y, l0, h0, bias, first, out);
  storeGroup(y, l1, h1, bias, first + part, out);
  storeGroup(y, l2, h2, bias, first + part * 2, out);
  storeGroup(y, l3, h3, bias, first + part * 3, out);
}

/** The outputs of a group, as many as there are. */
@inline
function storeGroup(y: usize, low: v128, high: v128, bias: usize, group: i32, out: i32): void {
  const o = group * GROUP;
  storeOutputs(at(y, o), low, high, bias == 0 ? 0 : at(bias, o), out - o);
}

/** As `oneRowQ4`, from two parts at once. */
function oneRowQ8(begin: i32, end: i32, x: usize, weight: usize, bias: usize, y: usize, blocks: i32, out: i32): void {
  const size = (<usize>blocks) * W8;
  const part = (end - begin) / 2;
  for (let i = 0; i < part; i++) {
    twoGroupsQ8(x, weight + size * (begin + i), size * part, bias, y, blocks, begin + i, part, out);
  }
  for (let group = begin + part * 2; group < end; group++) {
    twoGroupsQ8(x, weight + size * group, 0, bias, y, blocks, group, 0, out);
  }
}

const ONES = memory.data<u32>([0x01010101]);

/** Two groups, as `fourGroupsQ4`; sums of high digits and of the weights run beside each other, those of low digits follow. */
function twoGroupsQ8(
  x: usize, w: usize, apart: usize, bias: usize, y: usize,
  blocks: i32, first: i32, part: i32, out: i32,
): void {
  let l0 = f32x4.splat(0), l1 = l0, h0 = l0, h1 = l0;
  const one = constant(ONES);
  for (const last = x + (<usize>blocks) * X8; x < last; x += X8, w += W8) {
    let a0 = i32x4.splat(0), a1 = a0, b0 = a0, b1 = a0, s0 = a0, s1 = a0, t0 = a0, t1 = a0;
    for (let p: usize = 0; p < 32; p += 4) {
      const v = v128.load32_splat(x + p, HEAD);
      const at = w + p * 8;
      let q = v128.load(at, SCALES);
      a0 = dot4(q, v, a0);
      s0 = dot4(q, one, s0);
      q = v128.load(at, SCALES + 16);
      b0 = dot4(q, v, b0);
      t0 = dot4(q, one, t0);
      q = v128.load(at + apart, SCALES);
      a1 = dot4(q, v, a1);
      s1 = dot4(q, one, s1);
      q = v128.load(at + apart, SCALES + 16);
      b1 = dot4(q, v, b1);
      t1 = dot4(q, one, t1);
    }
    a0 = i32x4.shl(i32x4.sub(a0, i32x4.shl(s0, 6)), 7);
    b0 = i32x4.shl(i32x4.sub(b0, i32x4.shl(t0, 6)), 7);
    a1 = i32x4.shl(i32x4.sub(a1, i32x4.shl(s1, 6)), 7);
    b1 = i32x4.shl(i32x4.sub(b1, i32x4.shl(t1, 6)), 7);
    for (let p: usize = 0; p < 32; p += 4) {
      const v = v128.load32_splat(x + p, HEAD + 32);
      const at = w + p * 8;
      a0 = dot4(v128.load(at, SCALES), v, a0);
      b0 = dot4(v128.load(at, SCALES + 16), v, b0);
      a1 = dot4(v128.load(at + apart, SCALES), v, a1);
      b1 = dot4(v128.load(at + apart, SCALES + 16), v, b1);
    }
    l0 = scaled(l0, a0, halves4(w), x);
    h0 = scaled(h0, b0, halves4(w + 8), x);
    l1 = scaled(l1, a1, halves4(w + apart), x);
    h1 = scaled(h1, b1, halves4(w + apart + 8), x);
  }
  storeGroup(y, l0, h0, bias, first, out);
  storeGroup(y, l1, h1, bias, first + part, out);
}
