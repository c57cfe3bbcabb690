import { constant } from "../../../wasm/src/snippets/constant.as.ts";
import { dotPairs } from "../../../wasm/src/snippets/dot.as.ts";
import { exponentFactor, quickHalves4, signedBits } from "../../../wasm/src/snippets/half.as.ts";
import { at } from "../../../wasm/src/snippets/memory.as.ts";
import { GROUP, HEAD, scaled, SCALES, storeOutputs, W4, W8, X4, X8 } from "./matmul.blocks.as.ts";

const NIBBLES = memory.data<u32>([0x0f0f0f0f]);

/**
 * One row: weights stream past it as they are stored, from four parts of the groups `begin` to `end` at once, since the
 * processor fetches ahead of four streams twice as fast as of one.
 */
export function matmulRowQ4(
  begin: i32, end: i32, _scratch: usize,
  x: usize, weight: usize, bias: usize, y: usize, blocks: i32, out: i32,
): void {
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
  const nibble = constant(NIBBLES);
  const signed = signedBits();
  const factor = exponentFactor();
  for (const last = x + (<usize>blocks) * X4; x < last; x += X4, w += W4) {
    let a0 = v128.load32_splat(x, 4), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    for (let p: usize = 0; p < 16; p += 4) {
      const low = v128.load32_splat(x + p, HEAD);
      const high = v128.load32_splat(x + p, HEAD + 16);
      let at = w + p * 8;
      let q = v128.load(at, SCALES);
      a0 = pairsQ4(a0, q, low, high, nibble);
      q = v128.load(at, SCALES + 16);
      b0 = pairsQ4(b0, q, low, high, nibble);
      at += apart;
      q = v128.load(at, SCALES);
      a1 = pairsQ4(a1, q, low, high, nibble);
      q = v128.load(at, SCALES + 16);
      b1 = pairsQ4(b1, q, low, high, nibble);
      at += apart;
      q = v128.load(at, SCALES);
      a2 = pairsQ4(a2, q, low, high, nibble);
      q = v128.load(at, SCALES + 16);
      b2 = pairsQ4(b2, q, low, high, nibble);
      at += apart;
      q = v128.load(at, SCALES);
      a3 = pairsQ4(a3, q, low, high, nibble);
      q = v128.load(at, SCALES + 16);
      b3 = pairsQ4(b3, q, low, high, nibble);
    }
    const scale = v128.load32_splat(x);
    let scales = w;
    l0 = scaled(l0, i32x4.extadd_pairwise_i16x8_s(a0), quickHalves4(scales, signed, factor), scale);
    h0 = scaled(h0, i32x4.extadd_pairwise_i16x8_s(b0), quickHalves4(scales + 8, signed, factor), scale);
    scales += apart;
    l1 = scaled(l1, i32x4.extadd_pairwise_i16x8_s(a1), quickHalves4(scales, signed, factor), scale);
    h1 = scaled(h1, i32x4.extadd_pairwise_i16x8_s(b1), quickHalves4(scales + 8, signed, factor), scale);
    scales += apart;
    l2 = scaled(l2, i32x4.extadd_pairwise_i16x8_s(a2), quickHalves4(scales, signed, factor), scale);
    h2 = scaled(h2, i32x4.extadd_pairwise_i16x8_s(b2), quickHalves4(scales + 8, signed, factor), scale);
    scales += apart;
    l3 = scaled(l3, i32x4.extadd_pairwise_i16x8_s(a3), quickHalves4(scales, signed, factor), scale);
    h3 = scaled(h3, i32x4.extadd_pairwise_i16x8_s(b3), quickHalves4(scales + 8, signed, factor), scale);
  }
  storeGroup(y, l0, h0, bias, first, out);
  storeGroup(y, l1, h1, bias, first + part, out);
  storeGroup(y, l2, h2, bias, first + part * 2, out);
  storeGroup(y, l3, h3, bias, first + part * 3, out);
}

/** Products of a vector of q4 weights, low nibbles and high, added to sums of 16 bits. */
@inline
function pairsQ4(sums: v128, q: v128, low: v128, high: v128, nibble: v128): v128 {
  return i16x8.add(i16x8.add(sums, dotPairs(low, v128.and(q, nibble))), dotPairs(high, v128.and(i16x8.shr_u(q, 4), nibble)));
}

/** The outputs of a group, as many as there are. */
@inline
function storeGroup(y: usize, low: v128, high: v128, bias: usize, group: i32, out: i32): void {
  const o = group * GROUP;
  storeOutputs(at(y, o), low, high, bias == 0 ? 0 : at(bias, o), out - o);
}

/** As `matmulRowQ4`, from two parts at once. */
export function matmulRowQ8(
  begin: i32, end: i32, _scratch: usize,
  x: usize, weight: usize, bias: usize, y: usize, blocks: i32, out: i32,
): void {
  const size = (<usize>blocks) * W8;
  const part = (end - begin) / 2;
  for (let i = 0; i < part; i++) {
    twoGroupsQ8(x, weight + size * (begin + i), size * part, bias, y, blocks, begin + i, part, out);
  }
  for (let group = begin + part * 2; group < end; group++) {
    twoGroupsQ8(x, weight + size * group, 0, bias, y, blocks, group, 0, out);
  }
}

/** Two groups, as `fourGroupsQ4`. A vector has four neighbours of two outputs, so that these have two sums each. */
function twoGroupsQ8(
  x: usize, w: usize, apart: usize, bias: usize, y: usize,
  blocks: i32, first: i32, part: i32, out: i32,
): void {
  let l0 = f32x4.splat(0), l1 = l0, h0 = l0, h1 = l0;
  const signed = signedBits();
  const factor = exponentFactor();
  for (const last = x + (<usize>blocks) * X8; x < last; x += X8, w += W8) {
    let a0 = i32x4.splat(0), b0 = a0, c0 = a0, d0 = a0, a1 = a0, b1 = a0, c1 = a0, d1 = a0;
    for (let p: usize = 0; p < 64; p += 8) {
      const v = v128.load64_splat(x + p, HEAD);
      let at = w + p * 4;
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v, v128.load8x8_s(at, SCALES)));
      b0 = i32x4.add(b0, i32x4.dot_i16x8_s(v, v128.load8x8_s(at, SCALES + 8)));
      c0 = i32x4.add(c0, i32x4.dot_i16x8_s(v, v128.load8x8_s(at, SCALES + 16)));
      d0 = i32x4.add(d0, i32x4.dot_i16x8_s(v, v128.load8x8_s(at, SCALES + 24)));
      at += apart;
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(v, v128.load8x8_s(at, SCALES)));
      b1 = i32x4.add(b1, i32x4.dot_i16x8_s(v, v128.load8x8_s(at, SCALES + 8)));
      c1 = i32x4.add(c1, i32x4.dot_i16x8_s(v, v128.load8x8_s(at, SCALES + 16)));
      d1 = i32x4.add(d1, i32x4.dot_i16x8_s(v, v128.load8x8_s(at, SCALES + 24)));
    }
    const scale = v128.load32_splat(x);
    l0 = scaled(l0, twoSums(a0, b0), quickHalves4(w, signed, factor), scale);
    h0 = scaled(h0, twoSums(c0, d0), quickHalves4(w + 8, signed, factor), scale);
    l1 = scaled(l1, twoSums(a1, b1), quickHalves4(w + apart, signed, factor), scale);
    h1 = scaled(h1, twoSums(c1, d1), quickHalves4(w + apart + 8, signed, factor), scale);
  }
  storeGroup(y, l0, h0, bias, first, out);
  storeGroup(y, l1, h1, bias, first + part, out);
}

/** Adds the neighbours of two vectors. */
@inline
function twoSums(a: v128, b: v128): v128 {
  return i32x4.add(v128.shuffle<i32>(a, b, 0, 2, 4, 6), v128.shuffle<i32>(a, b, 1, 3, 5, 7));
}
