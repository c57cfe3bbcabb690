import { constant } from "../../../wasm/src/snippets/constant.as.ts";
import { dotPairs } from "../../../wasm/src/snippets/dot.as.ts";
import { exponentFactor, halves4, quickHalves4, signedBits } from "../../../wasm/src/snippets/half.as.ts";
import { lane0, lane1, lane2, lane3 } from "../../../wasm/src/snippets/lane.as.ts";
import { at } from "../../../wasm/src/snippets/memory.as.ts";
import { BLOCK, GROUP, HEADS, ROWS, scaled, SCALES, storeOutputs, W4, W8, X4, X8 } from "./matmul.blocks.as.ts";

/** Bytes of `x`, as integers, that stay in the second-level cache while the weights pass by. */
const ROW_BLOCK: usize = 512 * 1024;

/** Second pass for q8, of several rows. A call owns the groups of eight outputs `begin` to `end` of every row. */
export function matmulRowsQ8(
  begin: i32, end: i32, scratch: usize,
  x: usize, weight: usize, bias: usize, y: usize, rows: i32, inner: i32, out: i32,
): void {
  const blocks = (inner + BLOCK - 1) / BLOCK;
  const size = (<usize>blocks) * X8 * ROWS; // of four rows
  const blockRows = ROWS * max(1, <i32>(ROW_BLOCK / max(1, size)));
  for (let block = 0; block < rows; block += blockRows) {
    const blockEnd = min(block + blockRows, rows);
    for (let group = begin; group < end; group++) {
      const o = group * GROUP;
      const b = bias == 0 ? 0 : at(bias, o);
      panelQ8(weight + (<usize>(group * blocks)) * W8, scratch, blocks);
      for (let r = block; r < blockEnd; r += ROWS) {
        const from = x + (<usize>(r / ROWS)) * size;
        fourRows(from, size, scratch, b, at(y, r * out + o), out, out - o, min(ROWS, blockEnd - r), true);
      }
    }
  }
}

/** As `matmulRowsQ8`, for q4. */
export function matmulRowsQ4(
  begin: i32, end: i32, scratch: usize,
  x: usize, weight: usize, bias: usize, y: usize, rows: i32, inner: i32, out: i32,
): void {
  const blocks = (inner + BLOCK - 1) / BLOCK;
  const size = (<usize>blocks) * X4 * ROWS;
  if (rows <= FEW) {
    for (let group = begin; group < end; group++) {
      const o = group * GROUP;
      const b = bias == 0 ? 0 : at(bias, o);
      const w = weight + (<usize>(group * blocks)) * W4;
      for (let r = 0; r < rows; r += ROWS) {
        fourRowsQ4(x + (<usize>(r / ROWS)) * size, size, w, b, at(y, r * out + o), out, out - o, rows - r);
      }
    }
    return;
  }
  const blockRows = ROWS * max(1, <i32>(ROW_BLOCK / max(1, size)));
  for (let block = 0; block < rows; block += blockRows) {
    const blockEnd = min(block + blockRows, rows);
    for (let group = begin; group < end; group++) {
      const o = group * GROUP;
      const b = bias == 0 ? 0 : at(bias, o);
      panelQ4(weight + (<usize>(group * blocks)) * W4, scratch, blocks);
      for (let r = block; r < blockEnd; r += ROWS) {
        const from = x + (<usize>(r / ROWS)) * size;
        fourRows(from, size, scratch, b, at(y, r * out + o), out, out - o, min(ROWS, blockEnd - r), false);
      }
    }
  }
}

/** So many rows take q4 weights as they are stored; for more of them it pays to unpack a panel once. */
const FEW = 8;

/** Bytes of a block of a panel: eight scales as f32, and their numbers as bytes. */
const NUMBERS = 32;
const PANEL = NUMBERS + 256;

const NIBBLES = memory.data<u32>([0x0f0f0f0f]);

/** A group of q4 weights, its numbers from 0 to 15. */
function panelQ4(w: usize, panel: usize, blocks: i32): void {
  const nibble = constant(NIBBLES);
  for (let block = 0; block < blocks; block++, w += W4, panel += PANEL) {
    v128.store(panel, halves4(w));
    v128.store(panel, halves4(w + 8), 16);
    for (let p: usize = 0; p < 128; p += 16) {
      const q = v128.load(w + p, SCALES);
      v128.store(panel + p, v128.and(q, nibble), NUMBERS);
      v128.store(panel + p, v128.and(i16x8.shr_u(q, 4), nibble), NUMBERS + 128);
    }
  }
}

/** A group of q8 weights, in pairs: eight bytes are two neighbours of four rows, the next eight those that follow. */
function panelQ8(w: usize, panel: usize, blocks: i32): void {
  for (let block = 0; block < blocks; block++, w += W8, panel += PANEL) {
    v128.store(panel, halves4(w));
    v128.store(panel, halves4(w + 8), 16);
    for (let p: usize = 0; p < 256; p += 16) {
      const q = v128.load(w + p, SCALES);
      v128.store(panel + p, v128.shuffle<i16>(q, q, 0, 2, 4, 6, 1, 3, 5, 7), NUMBERS);
    }
  }
}

/**
 * Four rows by a panel of eight outputs; those that are not there are zeros, and not stored. A product for each pair (q8) or
 * four (q4) of numbers of a row and four outputs; the loops are left to the engine to unroll, which does it better than a
 * hand: eight sums, two vectors of weights and one of x leave it few registers.
 */
@inline
function fourRows(
  x: usize, length: usize, panel: usize, bias: usize, y: usize,
  out: i32, count: i32, rows: i32, wide: bool,
): void {
  let l0 = f32x4.splat(0), l1 = l0, l2 = l0, l3 = l0, h0 = l0, h1 = l0, h2 = l0, h3 = l0;
  const size: usize = ROWS * (wide ? X8 : X4);
  for (const last = x + length; x < last; x += size, panel += PANEL) {
    let a0: v128, a1: v128, a2: v128, a3: v128, b0: v128, b1: v128, b2: v128, b3: v128;
    if (wide) {
      a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = i32x4.splat(0);
      for (let p: usize = 0; p < 256; p += 32) {
        const from = panel + p;
        const words = x + p;
        let q = v128.load8x8_s(from, NUMBERS);
        let r = v128.load8x8_s(from, NUMBERS + 16);
        let v = v128.load32_splat(words, HEADS);
        a0 = i32x4.add(a0, i32x4.dot_i16x8_s(q, v));
        b0 = i32x4.add(b0, i32x4.dot_i16x8_s(r, v));
        v = v128.load32_splat(words, HEADS + 4);
        a1 = i32x4.add(a1, i32x4.dot_i16x8_s(q, v));
        b1 = i32x4.add(b1, i32x4.dot_i16x8_s(r, v));
        v = v128.load32_splat(words, HEADS + 8);
        a2 = i32x4.add(a2, i32x4.dot_i16x8_s(q, v));
        b2 = i32x4.add(b2, i32x4.dot_i16x8_s(r, v));
        v = v128.load32_splat(words, HEADS + 12);
        a3 = i32x4.add(a3, i32x4.dot_i16x8_s(q, v));
        b3 = i32x4.add(b3, i32x4.dot_i16x8_s(r, v));
        q = v128.load8x8_s(from, NUMBERS + 8);
        r = v128.load8x8_s(from, NUMBERS + 24);
        v = v128.load32_splat(words, HEADS + 16);
        a0 = i32x4.add(a0, i32x4.dot_i16x8_s(q, v));
        b0 = i32x4.add(b0, i32x4.dot_i16x8_s(r, v));
        v = v128.load32_splat(words, HEADS + 20);
        a1 = i32x4.add(a1, i32x4.dot_i16x8_s(q, v));
        b1 = i32x4.add(b1, i32x4.dot_i16x8_s(r, v));
        v = v128.load32_splat(words, HEADS + 24);
        a2 = i32x4.add(a2, i32x4.dot_i16x8_s(q, v));
        b2 = i32x4.add(b2, i32x4.dot_i16x8_s(r, v));
        v = v128.load32_splat(words, HEADS + 28);
        a3 = i32x4.add(a3, i32x4.dot_i16x8_s(q, v));
        b3 = i32x4.add(b3, i32x4.dot_i16x8_s(r, v));
      }
    } else {
      const starts = v128.load(x, 16);
      a0 = b0 = lane0(starts);
      a1 = b1 = lane1(starts);
      a2 = b2 = lane2(starts);
      a3 = b3 = lane3(starts);
      for (let p: usize = 0; p < 256; p += 32) {
        const words = x + p / 2;
        const q = v128.load(panel + p, NUMBERS);
        const r = v128.load(panel + p, NUMBERS + 16);
        const v = v128.load(words, HEADS);
        a0 = i16x8.add(a0, dotPairs(lane0(v), q));
        b0 = i16x8.add(b0, dotPairs(lane0(v), r));
        a1 = i16x8.add(a1, dotPairs(lane1(v), q));
        b1 = i16x8.add(b1, dotPairs(lane1(v), r));
        a2 = i16x8.add(a2, dotPairs(lane2(v), q));
        b2 = i16x8.add(b2, dotPairs(lane2(v), r));
        a3 = i16x8.add(a3, dotPairs(lane3(v), q));
        b3 = i16x8.add(b3, dotPairs(lane3(v), r));
      }
      a0 = i32x4.extadd_pairwise_i16x8_s(a0);
      b0 = i32x4.extadd_pairwise_i16x8_s(b0);
      a1 = i32x4.extadd_pairwise_i16x8_s(a1);
      b1 = i32x4.extadd_pairwise_i16x8_s(b1);
      a2 = i32x4.extadd_pairwise_i16x8_s(a2);
      b2 = i32x4.extadd_pairwise_i16x8_s(b2);
      a3 = i32x4.extadd_pairwise_i16x8_s(a3);
      b3 = i32x4.extadd_pairwise_i16x8_s(b3);
    }
    const low = v128.load(panel);
    const high = v128.load(panel, 16);
    const scales = v128.load(x);
    l0 = scaled(l0, a0, low, lane0(scales));
    h0 = scaled(h0, b0, high, lane0(scales));
    l1 = scaled(l1, a1, low, lane1(scales));
    h1 = scaled(h1, b1, high, lane1(scales));
    l2 = scaled(l2, a2, low, lane2(scales));
    h2 = scaled(h2, b2, high, lane2(scales));
    l3 = scaled(l3, a3, low, lane3(scales));
    h3 = scaled(h3, b3, high, lane3(scales));
  }
  storeOutputs(y, l0, h0, bias, count);
  if (rows > 1) storeOutputs(at(y, out), l1, h1, bias, count);
  if (rows > 2) storeOutputs(at(y, out * 2), l2, h2, bias, count);
  if (rows > 3) storeOutputs(at(y, out * 3), l3, h3, bias, count);
}

/** As `fourRows`, by a group of q4 weights as they are stored. */
function fourRowsQ4(x: usize, length: usize, w: usize, bias: usize, y: usize, out: i32, count: i32, rows: i32): void {
  let l0 = f32x4.splat(0), l1 = l0, l2 = l0, l3 = l0, h0 = l0, h1 = l0, h2 = l0, h3 = l0;
  const nibble = constant(NIBBLES);
  const signed = signedBits();
  const factor = exponentFactor();
  for (const last = x + length; x < last; x += X4 * ROWS, w += W4) {
    const starts = v128.load(x, 16);
    let a0 = lane0(starts), a1 = lane1(starts), a2 = lane2(starts), a3 = lane3(starts);
    let b0 = a0, b1 = a1, b2 = a2, b3 = a3;
    for (let p: usize = 0; p < 64; p += 16) {
      const words = x + p;
      const from = w + p * 2;
      let q = v128.and(v128.load(from, SCALES), nibble);
      let r = v128.and(v128.load(from, SCALES + 16), nibble);
      const v = v128.load(words, HEADS);
      a0 = i16x8.add(a0, dotPairs(lane0(v), q));
      b0 = i16x8.add(b0, dotPairs(lane0(v), r));
      a1 = i16x8.add(a1, dotPairs(lane1(v), q));
      b1 = i16x8.add(b1, dotPairs(lane1(v), r));
      a2 = i16x8.add(a2, dotPairs(lane2(v), q));
      b2 = i16x8.add(b2, dotPairs(lane2(v), r));
      a3 = i16x8.add(a3, dotPairs(lane3(v), q));
      b3 = i16x8.add(b3, dotPairs(lane3(v), r));
      q = v128.and(i16x8.shr_u(v128.load(from, SCALES), 4), nibble);
      r = v128.and(i16x8.shr_u(v128.load(from, SCALES + 16), 4), nibble);
      const u = v128.load(words, HEADS + 64);
      a0 = i16x8.add(a0, dotPairs(lane0(u), q));
      b0 = i16x8.add(b0, dotPairs(lane0(u), r));
      a1 = i16x8.add(a1, dotPairs(lane1(u), q));
      b1 = i16x8.add(b1, dotPairs(lane1(u), r));
      a2 = i16x8.add(a2, dotPairs(lane2(u), q));
      b2 = i16x8.add(b2, dotPairs(lane2(u), r));
      a3 = i16x8.add(a3, dotPairs(lane3(u), q));
      b3 = i16x8.add(b3, dotPairs(lane3(u), r));
    }
    const low = quickHalves4(w, signed, factor);
    const high = quickHalves4(w + 8, signed, factor);
    const scales = v128.load(x);
    l0 = scaled(l0, i32x4.extadd_pairwise_i16x8_s(a0), low, lane0(scales));
    h0 = scaled(h0, i32x4.extadd_pairwise_i16x8_s(b0), high, lane0(scales));
    l1 = scaled(l1, i32x4.extadd_pairwise_i16x8_s(a1), low, lane1(scales));
    h1 = scaled(h1, i32x4.extadd_pairwise_i16x8_s(b1), high, lane1(scales));
    l2 = scaled(l2, i32x4.extadd_pairwise_i16x8_s(a2), low, lane2(scales));
    h2 = scaled(h2, i32x4.extadd_pairwise_i16x8_s(b2), high, lane2(scales));
    l3 = scaled(l3, i32x4.extadd_pairwise_i16x8_s(a3), low, lane3(scales));
    h3 = scaled(h3, i32x4.extadd_pairwise_i16x8_s(b3), high, lane3(scales));
  }
  storeOutputs(y, l0, h0, bias, count);
  if (rows > 1) storeOutputs(at(y, out), l1, h1, bias, count);
  if (rows > 2) storeOutputs(at(y, out * 2), l2, h2, bias, count);
  if (rows > 3) storeOutputs(at(y, out * 3), l3, h3, bias, count);
}
