import { dot4 } from "../../../wasm/src/snippets/dot.as.ts";
import { halves4 } from "../../../wasm/src/snippets/half.as.ts";
import { at } from "../../../wasm/src/snippets/memory.as.ts";
import { matmulRowQ4, matmulRowQ8 } from "./matmul.blocks-row.as.ts";
import { BLOCK, GROUP, HEAD, scaled, SCALES, storeOutputs, W4, W8, X4, X8 } from "./matmul.blocks.as.ts";

/** Bytes of `x`, as integers, that stay in the second-level cache while the weights pass by. */
const ROW_BLOCK: i32 = 512 * 1024;

/** Second pass for q8. A call owns the groups of eight outputs `begin` to `end` of every row. */
export function matmulQ8(
  begin: i32, end: i32, scratch: usize,
  x: usize, weight: usize, bias: usize, y: usize, rows: i32, inner: i32, out: i32,
): void {
  const blocks = (inner + BLOCK - 1) / BLOCK;
  if (rows == 1) {
    matmulRowQ8(begin, end, x, weight, bias, y, blocks, out);
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
    matmulRowQ4(begin, end, x, weight, bias, y, blocks, out);
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
