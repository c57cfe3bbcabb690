/** What the recurrence of Mamba-3 and its gradient have in common: what a head makes of a token, and a step of its state. */
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { addAngles, turn } from "./turn.as.ts";

/** Makes of a token `B` and `C`, turned, and `x`, projected; theta goes on to it. */
export function makeToken(
  row: i32, head: i32, heads: i32, headDim: i32, rank: i32, groups: i32, state: i32, pairs: i32,
  x: usize, B: usize, C: usize, angles: usize, BBias: usize, CBias: usize, xProjection: usize,
  delta: f32, wrap: i32, halved: i32,
  theta: usize, cosines: usize, sines: usize, xt: usize, Bt: usize, Ct: usize,
): void {
  const padded = (headDim + 3) & ~3;
  const group = head / (heads / groups);
  const first = row * heads + head;
  for (let r = 0; r < rank; r++) {
    const from = ((row * rank + r) * groups + group) * state;
    const bias = (head * rank + r) * state;
    addRows(at(B, from), BBias ? at(BBias, bias) : 0, at(Bt, r * state), state);
    addRows(at(C, from), CBias ? at(CBias, bias) : 0, at(Ct, r * state), state);
    const projection = xProjection ? at(xProjection, (head * rank + r) * headDim) : 0;
    for (let p = 0; p < headDim; p += 4) {
      let input = load4(at(x, first * headDim + p), headDim - p);
      if (projection) input = f32x4.mul(input, load4(at(projection, p), headDim - p));
      v128.store(at(xt, r * padded + p), input);
    }
  }
  addAngles(theta, at(angles, first * pairs), delta, pairs, wrap, cosines, sines);
  turn(Bt, rank * state, state, pairs, halved, cosines, sines);
  turn(Ct, rank * state, state, pairs, halved, cosines, sines);
}

/** Rows of `size` elements whose beginnings are `fromStride` and `toStride` elements apart. */
export function copyRows(from: usize, fromStride: i32, to: usize, toStride: i32, rows: i32, size: i32): void {
  for (let r = 0; r < rows; r++) memory.copy(at(to, r * toStride), at(from, r * fromStride), (<usize>size) << 2);
}

/** `from + bias`, or `from` itself, at `to`. */
@inline
function addRows(from: usize, bias: usize, to: usize, size: i32): void {
  for (let n = 0; n < size; n += 4) {
    const values = load4(at(from, n), size - n);
    store4(at(to, n), bias ? f32x4.add(values, load4(at(bias, n), size - n)) : values, size - n);
  }
}

/** The state of four channels after a step, at `to`: `keep · h + before · BLast + after · B`. */
@inline
export function advance(
  h: usize, to: usize, keep: v128, before: v128, BLast: usize, after: v128, B: usize, state: i32,
): void {
  for (let n = 0; n < state; n++) {
    const place = (<usize>n) << 4;
    const driven = madd(before, v128.load_splat<f32>(at(BLast, n)), f32x4.mul(after, v128.load_splat<f32>(at(B, n))));
    v128.store(to + place, madd(keep, v128.load(h + place), driven));
  }
}

/** The products of the state of four channels with `C`, summed over the state. */
@inline
export function read(h: usize, C: usize, state: i32): v128 {
  let sum0 = f32x4.splat(0);
  let sum1 = f32x4.splat(0);
  let sum2 = f32x4.splat(0);
  let sum3 = f32x4.splat(0);
  let n = 0;
  for (; n + 4 <= state; n += 4) {
    const place = h + ((<usize>n) << 4);
    sum0 = madd(v128.load_splat<f32>(at(C, n)), v128.load(place), sum0);
    sum1 = madd(v128.load_splat<f32>(at(C, n), 4), v128.load(place, 16), sum1);
    sum2 = madd(v128.load_splat<f32>(at(C, n), 8), v128.load(place, 32), sum2);
    sum3 = madd(v128.load_splat<f32>(at(C, n), 12), v128.load(place, 48), sum3);
  }
  for (; n < state; n++) sum0 = madd(v128.load_splat<f32>(at(C, n)), v128.load(h + ((<usize>n) << 4)), sum0);
  return f32x4.add(f32x4.add(sum0, sum1), f32x4.add(sum2, sum3));
}
