import {
  brains4, exponentFactor, fewBrains, fewHalves, quickHalves4, signedBits, widenRow,
} from "../../../wasm/src/snippets/half.as.ts";
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, gather4, load4, scatter4 } from "../../../wasm/src/snippets/memory.as.ts";
import { sums4 } from "../../../wasm/src/snippets/sum.as.ts";
import { tile } from "./matmul.tiled.as.ts";

/** Bytes of `x` that stay in the second-level cache while the weights pass by. */
const ROW_BLOCK: i32 = 384 * 1024;

/**
 * One row and f16 weights, in the order of `matmul.row.as.ts`: eight rows of `weight` stream past `x`, each
 * from a part of its own of the rows `begin` to `end`: the processor fetches ahead of eight streams that go on for many
 * rows, not of eight that end with a row, and so twice as fast. Memory traffic is two bytes a weight; a vector of four takes four instructions to widen, of bf16 two, and one to add.
 */
export function matmulRowF16(
  begin: i32, end: i32, _scratch: usize,
  x: usize, weight: usize, bias: usize, y: usize, inner: i32,
): void {
  const apart = (end - begin) / 8;
  for (let o = begin; o < begin + apart; o++) {
    eightOutputs(x, weight + offsetOf(o * inner), bias == 0 ? 0 : at(bias, o), at(y, o), inner, apart, 8, false);
  }
  const o = begin + apart * 8;
  if (o < end) {
    eightOutputs(x, weight + offsetOf(o * inner), bias == 0 ? 0 : at(bias, o), at(y, o), inner, 1, end - o, false);
  }
}

/** As `matmulRowF16`, of bf16. */
export function matmulRowBf16(
  begin: i32, end: i32, _scratch: usize,
  x: usize, weight: usize, bias: usize, y: usize, inner: i32,
): void {
  const apart = (end - begin) / 8;
  for (let o = begin; o < begin + apart; o++) {
    eightOutputs(x, weight + offsetOf(o * inner), bias == 0 ? 0 : at(bias, o), at(y, o), inner, apart, 8, true);
  }
  const o = begin + apart * 8;
  if (o < end) {
    eightOutputs(x, weight + offsetOf(o * inner), bias == 0 ? 0 : at(bias, o), at(y, o), inner, 1, end - o, true);
  }
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
function four(from: usize, brain: bool, signed: v128, factor: v128): v128 {
  return brain ? brains4(from) : quickHalves4(from, signed, factor);
}

@inline
function few(from: usize, count: i32, brain: bool): v128 {
  return brain ? fewBrains(from, count) : fewHalves(from, count);
}

/**
 * Up to eight outputs, so many rows `apart`; a row of `weight` that is not there is taken for the last one that is.
 * `brain` is a constant.
 */
@inline
function eightOutputs(
  x: usize, weight: usize, bias: usize, y: usize,
  inner: i32, apart: i32, count: i32, brain: bool,
): void {
  const signed = signedBits();
  const factor = exponentFactor();
  const w0 = weight;
  const w1 = weight + offsetOf(min(1, count - 1) * apart * inner);
  const w2 = weight + offsetOf(min(2, count - 1) * apart * inner);
  const w3 = weight + offsetOf(min(3, count - 1) * apart * inner);
  const w4 = weight + offsetOf(min(4, count - 1) * apart * inner);
  const w5 = weight + offsetOf(min(5, count - 1) * apart * inner);
  const w6 = weight + offsetOf(min(6, count - 1) * apart * inner);
  const w7 = weight + offsetOf(min(7, count - 1) * apart * inner);
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
  const whole = offsetOf(inner & ~3);
  let i: usize = 0; // bytes of a row of weights, half of those of x
  for (; i < whole; i += 8) {
    const a = v128.load(x + i + i);
    s0 = madd(a, four(w0 + i, brain, signed, factor), s0);
    s1 = madd(a, four(w1 + i, brain, signed, factor), s1);
    s2 = madd(a, four(w2 + i, brain, signed, factor), s2);
    s3 = madd(a, four(w3 + i, brain, signed, factor), s3);
    s4 = madd(a, four(w4 + i, brain, signed, factor), s4);
    s5 = madd(a, four(w5 + i, brain, signed, factor), s5);
    s6 = madd(a, four(w6 + i, brain, signed, factor), s6);
    s7 = madd(a, four(w7 + i, brain, signed, factor), s7);
  }
  const left = inner & 3;
  if (left > 0) {
    const a = load4(x + i + i, left);
    s0 = madd(a, few(w0 + i, left, brain), s0);
    s1 = madd(a, few(w1 + i, left, brain), s1);
    s2 = madd(a, few(w2 + i, left, brain), s2);
    s3 = madd(a, few(w3 + i, left, brain), s3);
    s4 = madd(a, few(w4 + i, left, brain), s4);
    s5 = madd(a, few(w5 + i, left, brain), s5);
    s6 = madd(a, few(w6 + i, left, brain), s6);
    s7 = madd(a, few(w7 + i, left, brain), s7);
  }
  let low = sums4(s0, s1, s2, s3);
  let high = sums4(s4, s5, s6, s7);
  if (bias != 0) {
    low = f32x4.add(low, gather4(bias, apart, count));
    if (count > 4) high = f32x4.add(high, gather4(at(bias, 4 * apart), apart, count - 4));
  }
  scatter4(y, apart, low, count);
  if (count > 4) scatter4(at(y, 4 * apart), apart, high, count - 4);
}
