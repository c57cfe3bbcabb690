/**
 * Convolution kernels of diagonal systems. A unit is a channel: its kernel is summed in 64 bits in scratch, two modes at
 * a time, a lane each, every power made from the one before.
 *
 * Work: five instructions on two modes for each `inner · state · time`, whose multiplications wait for each other;
 * memory traffic is the sums, from cache, once for two modes.
 */
import { at } from "../../../wasm/src/snippets/memory.as.ts";
import { discretizeModeTo } from "./mode.as.ts";

export function ssmKernelDiag(
  begin: i32, end: i32, scratch: usize,
  state: i32, time: i32,
  A: usize, B: usize, C: usize, dt: usize, K: usize,
  rule: i32,
): void {
  const mode = scratch;
  const pair = scratch + 80;
  const sums = scratch + 144;
  for (let channel = begin; channel < end; channel++) {
    memory.fill(sums, 0, <usize>time << 3);
    const step = <f64>load<f32>(at(dt, channel));
    for (let n = 0; n < state; n++) {
      const i = (channel * state + n) * 2;
      const aRe = <f64>load<f32>(at(A, i));
      const aIm = <f64>load<f32>(at(A, i), 4);
      discretizeModeTo(mode, rule, aRe, aIm, <f64>load<f32>(at(B, i)), <f64>load<f32>(at(B, i), 4), step);
      putWeighted(pair, mode, at(C, i), n);
      if ((n & 1) == 1 || n == state - 1) addPowers(sums, pair, time);
    }
    round(sums, at(K, channel * time), time);
  }
}

export function s4dKernel(
  begin: i32, end: i32, scratch: usize,
  state: i32, time: i32,
  logDt: usize, C: usize, logAReal: usize, AImag: usize, K: usize,
): void {
  const mode = scratch;
  const pair = scratch + 80;
  const sums = scratch + 144;
  for (let channel = begin; channel < end; channel++) {
    memory.fill(sums, 0, <usize>time << 3);
    const step = Math.exp(<f64>load<f32>(at(logDt, channel)));
    for (let n = 0; n < state; n++) {
      const i = channel * state + n;
      const aRe = -Math.exp(<f64>load<f32>(at(logAReal, i)));
      discretizeModeTo(mode, -1, aRe, <f64>load<f32>(at(AImag, i)), 1, 0, step);
      putWeighted(pair, mode, at(C, i * 2), n);
      if ((n & 1) == 1 || n == state - 1) addPowers(sums, pair, time);
    }
    round(sums, at(K, channel * time), time);
  }
}

/** Puts a mode in its lane of a pair: factor, then input · C. The first clears the other lane, for it may stay alone. */
@inline
function putWeighted(pair: usize, mode: usize, C: usize, n: i32): void {
  const cRe = <f64>load<f32>(C);
  const cIm = <f64>load<f32>(C, 4);
  const inRe = load<f64>(mode, 16);
  const inIm = load<f64>(mode, 24);
  if ((n & 1) == 0) memory.fill(pair, 0, 64);
  const lane = pair + (<usize>(n & 1) << 3);
  store<f64>(lane, load<f64>(mode));
  store<f64>(lane, load<f64>(mode, 8), 16);
  store<f64>(lane, cRe * inRe - cIm * inIm, 32);
  store<f64>(lane, cRe * inIm + cIm * inRe, 48);
}

/** Adds `2 Re(weight · factor^l)` of both modes to each sum. */
function addPowers(sums: usize, pair: usize, time: i32): void {
  const fRe = v128.load(pair);
  const fIm = v128.load(pair, 16);
  let re = v128.load(pair, 32);
  let im = v128.load(pair, 48);
  re = f64x2.add(re, re);
  im = f64x2.add(im, im);
  const last = sums + (<usize>time << 3);
  for (let to = sums; to < last; to += 8) {
    store<f64>(to, load<f64>(to) + (f64x2.extract_lane(re, 0) + f64x2.extract_lane(re, 1)));
    const next = f64x2.sub(f64x2.mul(re, fRe), f64x2.mul(im, fIm));
    im = f64x2.add(f64x2.mul(re, fIm), f64x2.mul(im, fRe));
    re = next;
  }
}

@inline
function round(sums: usize, to: usize, count: i32): void {
  for (let i = 0; i < count; i++) store<f32>(at(to, i), <f32>load<f64>(sums + (<usize>i << 3)));
}
