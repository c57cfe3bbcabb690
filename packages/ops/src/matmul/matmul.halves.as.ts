import { brains4, fewBrains, fewSmallHalves, signedBits, smallHalves4, widenRow } from "../../../wasm/src/snippets/half.as.ts";
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, gather4, load4, scatter4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { sums4 } from "../../../wasm/src/snippets/sum.as.ts";
import { tile } from "./matmul.tiled.as.ts";

/** Bytes of `x` that stay in the second-level cache while the weights pass by. */
const ROW_BLOCK: i32 = 384 * 1024;

/**
 * One row and f16 weights, in the order of `matmul.row.as.ts`: eight rows of `weight` stream past `x`, each
 * from a part of its own of the rows `begin` to `end`: the processor fetches ahead of eight streams that go on for many
 * rows, not of eight that end with a row, and so twice as fast. Memory traffic is two bytes a weight; a vector of four takes
 * three instructions to widen, of bf16 two, and one to add. An f16 is widened to 2^-112 times its value, and `x` is made
 * larger to make up for it: powers of two, which leave all bits as they are. The larger `x` lies in scratch, `4 · in` bytes.
 */
export function matmulRowF16(
  begin: i32, end: i32, scratch: usize,
  x: usize, weight: usize, bias: usize, y: usize, inner: i32,
): void {
  const larger = exponentToGrow(x, inner);
  grow(x, inner, powerOfTwo(larger), scratch);
  row(begin, end, scratch, weight, bias, y, inner, false, powerOfTwo(112 - larger));
}

/** As `matmulRowF16`, of bf16. */
export function matmulRowBf16(
  begin: i32, end: i32, _scratch: usize,
  x: usize, weight: usize, bias: usize, y: usize, inner: i32,
): void {
  row(begin, end, x, weight, bias, y, inner, true, 1);
}

@inline
function row(
  begin: i32, end: i32,
  x: usize, weight: usize, bias: usize, y: usize, inner: i32, brain: bool, factor: f32,
): void {
  const apart = (end - begin) / 8;
  const rest = begin + apart * 8;
  for (let i = 0; i < apart + i32(rest < end); i++) {
    const o = i < apart ? begin + i : rest;
    const count = i < apart ? 8 : end - rest;
    eightOutputs(
      x, weight + offsetOf(o * inner), bias == 0 ? 0 : at(bias, o), at(y, o),
      inner, i < apart ? apart : 1, count, brain, factor,
    );
  }
}

/** The largest magnitude of a row that grows goes to 2^120, or by 2^126: products with a small f16 are normal numbers then. */
function exponentToGrow(x: usize, inner: i32): i32 {
  let peak = i32x4.splat(0);
  for (let i = 0; i < inner; i += 4) {
    peak = i32x4.max_s(peak, v128.and(load4(at(x, i), inner - i), i32x4.splat(0x7fffffff)));
  }
  peak = i32x4.max_s(peak, v128.shuffle<i32>(peak, peak, 2, 3, 0, 1));
  const exponent = (max(i32x4.extract_lane(peak, 0), i32x4.extract_lane(peak, 1)) >> 23) - 127;
  // that of NaN and infinity is 128; they stay what they are
  return exponent == 128 ? 0 : min(120 - exponent, 126);
}

/** `x` times a factor, to `to`. */
function grow(x: usize, inner: i32, factor: f32, to: usize): void {
  for (let i = 0; i < inner; i += 4) {
    store4(at(to, i), f32x4.mul(load4(at(x, i), inner - i), f32x4.splat(factor)), inner - i);
  }
}

@inline
function powerOfTwo(exponent: i32): f32 {
  return reinterpret<f32>((exponent + 127) << 23);
}

/**
 * Rows and f16 or bf16 weights: as `matmul.tiled.as.ts`, with six rows of `weight` at a time widened into scratch,
 * `24 · in` bytes, for each block of `x`.
 */
export function matmulTiledHalves(
  begin: i32, end: i32, scratch: usize,
  x: usize, weight: usize, bias: usize, y: usize, rows: i32, inner: i32, out: i32, brain: i32,
): void {
  const blockRows = max(2, (ROW_BLOCK / 4 / max(1, inner)) & ~1);
  for (let block = 0; block < rows; block += blockRows) {
    const blockEnd = min(block + blockRows, rows);
    for (let o = begin; o < end; o += 6) {
      const count = min(6, end - o);
      widenRow(weight + offsetOf(o * inner), scratch, count * inner, brain);
      for (let r = block; r < blockEnd; r += 2) {
        tile(
          at(x, r * inner), scratch, bias == 0 ? 0 : at(bias, o), at(y, r * out + o),
          inner, out, min(2, blockEnd - r), count,
        );
      }
    }
  }
}

/** Bytes to element `index`. */
@inline
function offsetOf(index: i32): usize {
  return (<usize>index) << 1;
}

@inline
function four(from: usize, brain: bool, signed: v128): v128 {
  return brain ? brains4(from) : smallHalves4(from, signed);
}

@inline
function few(from: usize, count: i32, brain: bool, signed: v128): v128 {
  return brain ? fewBrains(from, count) : fewSmallHalves(from, count, signed);
}

/**
 * Up to eight outputs, so many rows `apart`; a row of `weight` that is not there is taken for the last one that is.
 * `brain` is a constant.
 */
@inline
function eightOutputs(
  x: usize, weight: usize, bias: usize, y: usize,
  inner: i32, apart: i32, count: i32, brain: bool, factor: f32,
): void {
  const signed = signedBits();
  const w0 = weight;
  const w1 = weight + offsetOf(min(1, count - 1) * apart * inner);
  const w2 = weight + offsetOf(min(2, count - 1) * apart * inner);
  const w3 = weight + offsetOf(min(3, count - 1) * apart * inner);
  const w4 = weight + offsetOf(min(4, count - 1) * apart * inner);
  const w5 = weight + offsetOf(min(5, count - 1) * apart * inner);
  const w6 = weight + offsetOf(min(6, count - 1) * apart * inner);
  const w7 = weight + offsetOf(min(7, count - 1) * apart * inner);
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
  const whole = offsetOf(inner & ~7);
  let i: usize = 0; // bytes of a row of weights, half of those of x
  for (; i < whole; i += 16) {
    const from = x + i + i;
    const a = v128.load(from);
    const b = v128.load(from, 16);
    s0 = eight(s0, w0 + i, a, b, brain, signed);
    s1 = eight(s1, w1 + i, a, b, brain, signed);
    s2 = eight(s2, w2 + i, a, b, brain, signed);
    s3 = eight(s3, w3 + i, a, b, brain, signed);
    s4 = eight(s4, w4 + i, a, b, brain, signed);
    s5 = eight(s5, w5 + i, a, b, brain, signed);
    s6 = eight(s6, w6 + i, a, b, brain, signed);
    s7 = eight(s7, w7 + i, a, b, brain, signed);
  }
  for (let left = inner & 7; left > 0; left -= 4, i += 8) {
    const a = load4(x + i + i, left);
    s0 = upToFour(s0, w0 + i, a, left, brain, signed);
    s1 = upToFour(s1, w1 + i, a, left, brain, signed);
    s2 = upToFour(s2, w2 + i, a, left, brain, signed);
    s3 = upToFour(s3, w3 + i, a, left, brain, signed);
    s4 = upToFour(s4, w4 + i, a, left, brain, signed);
    s5 = upToFour(s5, w5 + i, a, left, brain, signed);
    s6 = upToFour(s6, w6 + i, a, left, brain, signed);
    s7 = upToFour(s7, w7 + i, a, left, brain, signed);
  }
  let low = sums4(s0, s1, s2, s3);
  let high = sums4(s4, s5, s6, s7);
  if (!brain) {
    low = f32x4.mul(low, f32x4.splat(factor));
    high = f32x4.mul(high, f32x4.splat(factor));
  }
  if (bias != 0) {
    low = f32x4.add(low, gather4(bias, apart, count));
    if (count > 4) high = f32x4.add(high, gather4(at(bias, 4 * apart), apart, count - 4));
  }
  scatter4(y, apart, low, count);
  if (count > 4) scatter4(at(y, 4 * apart), apart, high, count - 4);
}

/** Eight weights by eight of x, added to a sum of four lanes. */
@inline
function eight(sum: v128, w: usize, a: v128, b: v128, brain: bool, signed: v128): v128 {
  return madd(b, four(w + 8, brain, signed), madd(a, four(w, brain, signed), sum));
}

@inline
function upToFour(sum: v128, w: usize, a: v128, count: i32, brain: bool, signed: v128): v128 {
  return madd(a, count >= 4 ? four(w, brain, signed) : few(w, count, brain, signed), sum);
}
