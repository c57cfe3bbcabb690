import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, gather4, load4, scatter4 } from "../../../wasm/src/snippets/memory.as.ts";
import { sums4 } from "../../../wasm/src/snippets/sum.as.ts";

/**
 * One row. A call owns outputs `begin` to `end`, eight at a time: eight rows of `weight` stream past `x`, which stays in
 * the first-level cache, each from a part of its own: the processor fetches ahead of streams that go on for many rows
 * faster than of such that end with a row. Work `in · (end - begin)`; memory traffic is the weights, once. Suits the one
 * row of a decoded token; from two rows on `matmul.tiled.as.ts` is faster.
 *
 * An output is the sum of four lanes, lane `l` over the `i` with `i mod 4 = l` in order, as in `matmul.tiled.as.ts`: so
 * a row has the same bits in both.
 */
export function matmulRow(
  begin: i32, end: i32, _scratch: usize,
  x: usize, weight: usize, bias: usize, y: usize, inner: i32,
): void {
  const apart = (end - begin) / 8;
  const rest = begin + apart * 8;
  for (let i = 0; i < apart + i32(rest < end); i++) {
    const o = i < apart ? begin + i : rest;
    const count = i < apart ? 8 : end - rest;
    eightOutputs(x, at(weight, o * inner), bias == 0 ? 0 : at(bias, o), at(y, o), inner, i < apart ? apart : 1, count);
  }
}

/** Up to eight outputs, so many rows `apart`; a row of `weight` that is not there is taken for the last one that is. */
@inline
function eightOutputs(x: usize, weight: usize, bias: usize, y: usize, inner: i32, apart: i32, count: i32): void {
  const w0 = weight;
  const w1 = at(weight, min(1, count - 1) * apart * inner);
  const w2 = at(weight, min(2, count - 1) * apart * inner);
  const w3 = at(weight, min(3, count - 1) * apart * inner);
  const w4 = at(weight, min(4, count - 1) * apart * inner);
  const w5 = at(weight, min(5, count - 1) * apart * inner);
  const w6 = at(weight, min(6, count - 1) * apart * inner);
  const w7 = at(weight, min(7, count - 1) * apart * inner);
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
  const whole = at(0, inner & ~7); // bytes
  let i: usize = 0;
  for (; i < whole; i += 32) {
    const a = v128.load(x + i);
    s0 = madd(a, v128.load(w0 + i), s0);
    s1 = madd(a, v128.load(w1 + i), s1);
    s2 = madd(a, v128.load(w2 + i), s2);
    s3 = madd(a, v128.load(w3 + i), s3);
    s4 = madd(a, v128.load(w4 + i), s4);
    s5 = madd(a, v128.load(w5 + i), s5);
    s6 = madd(a, v128.load(w6 + i), s6);
    s7 = madd(a, v128.load(w7 + i), s7);
    const b = v128.load(x + i, 16);
    s0 = madd(b, v128.load(w0 + i, 16), s0);
    s1 = madd(b, v128.load(w1 + i, 16), s1);
    s2 = madd(b, v128.load(w2 + i, 16), s2);
    s3 = madd(b, v128.load(w3 + i, 16), s3);
    s4 = madd(b, v128.load(w4 + i, 16), s4);
    s5 = madd(b, v128.load(w5 + i, 16), s5);
    s6 = madd(b, v128.load(w6 + i, 16), s6);
    s7 = madd(b, v128.load(w7 + i, 16), s7);
  }
  for (let left = inner & 7; left > 0; left -= 4, i += 16) {
    const a = load4(x + i, left);
    s0 = madd(a, load4(w0 + i, left), s0);
    s1 = madd(a, load4(w1 + i, left), s1);
    s2 = madd(a, load4(w2 + i, left), s2);
    s3 = madd(a, load4(w3 + i, left), s3);
    s4 = madd(a, load4(w4 + i, left), s4);
    s5 = madd(a, load4(w5 + i, left), s5);
    s6 = madd(a, load4(w6 + i, left), s6);
    s7 = madd(a, load4(w7 + i, left), s7);
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
