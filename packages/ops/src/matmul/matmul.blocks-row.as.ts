import { constant } from "../../../wasm/src/snippets/constant.as.ts";
import { dot4 } from "../../../wasm/src/snippets/dot.as.ts";
import { halves4 } from "../../../wasm/src/snippets/half.as.ts";
import { at } from "../../../wasm/src/snippets/memory.as.ts";
import { GROUP, HEAD, scaled, SCALES, storeOutputs, W4, W8, X4, X8 } from "./matmul.blocks.as.ts";

/**
 * One row: weights stream past it as they are stored, from four parts of the groups `begin` to `end` at once, since the
 * processor fetches ahead of four streams twice as fast as of one.
 */
export function matmulRowQ4(
  begin: i32, end: i32,
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

/** As `matmulRowQ4`, from two parts at once. */
export function matmulRowQ8(
  begin: i32, end: i32,
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
