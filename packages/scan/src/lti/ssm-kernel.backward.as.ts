/**
 * Gradients of the convolution kernels of diagonal systems. A unit is a channel. Two modes at a time, a lane each, the
 * polynomial with the coefficients `dK` and its derivative are evaluated at the factor of each by Horner's scheme.
 *
 * Work: eleven instructions on two modes for each `inner · state · time`, of which two chains wait for each other; memory
 * traffic is `dK` once for two modes, and nothing is stored along the way.
 */
import { at } from "../../../wasm/src/snippets/memory.as.ts";
import { discretizeModeTo, modeGradientTo } from "./mode.as.ts";

// A lane's numbers, by their offsets in bytes: the mode's a, b and c, what discretizing it gave, then its gradients.
const DISCRETE = 48;
const BACK = 128;
const DC = 168;
const LANE = 184;

export function ssmKernelDiagBackward(
  begin: i32, end: i32, scratch: usize,
  state: i32, time: i32,
  A: usize, B: usize, C: usize, dt: usize, dK: usize,
  dA: usize, dB: usize, dC: usize, ddt: usize,
  rule: i32,
): void {
  for (let channel = begin; channel < end; channel++) {
    const step = <f64>load<f32>(at(dt, channel));
    let sum: f64 = 0;
    for (let n = 0; n < state; n += 2) {
      const lanes = min(2, state - n);
      for (let l = 0; l < lanes; l++) {
        const i = (channel * state + n + l) * 2;
        const lane = scratch + l * LANE;
        promotePair(at(A, i), lane);
        promotePair(at(B, i), lane + 16);
        promotePair(at(C, i), lane + 32);
      }
      kernelGradients(scratch, lanes, at(dK, channel * time), time, step, rule);
      for (let l = 0; l < lanes; l++) {
        const i = (channel * state + n + l) * 2;
        const lane = scratch + l * LANE;
        demotePair(lane + BACK, at(dA, i));
        demotePair(lane + BACK + 16, at(dB, i));
        demotePair(lane + DC, at(dC, i));
        sum += load<f64>(lane + BACK, 32);
      }
    }
    store<f32>(at(ddt, channel), <f32>sum);
  }
}

export function s4dKernelBackward(
  begin: i32, end: i32, scratch: usize,
  state: i32, time: i32,
  logDt: usize, C: usize, logAReal: usize, AImag: usize, dK: usize,
  dlogDt: usize, dC: usize, dlogAReal: usize, dAImag: usize,
): void {
  for (let channel = begin; channel < end; channel++) {
    const step = Math.exp(<f64>load<f32>(at(logDt, channel)));
    let sum: f64 = 0;
    for (let n = 0; n < state; n += 2) {
      const lanes = min(2, state - n);
      for (let l = 0; l < lanes; l++) {
        const i = channel * state + n + l;
        const lane = scratch + l * LANE;
        store<f64>(lane, -Math.exp(<f64>load<f32>(at(logAReal, i))));
        store<f64>(lane, <f64>load<f32>(at(AImag, i)), 8);
        store<f64>(lane, 1, 16);
        store<f64>(lane, 0, 24);
        promotePair(at(C, i * 2), lane + 32);
      }
      kernelGradients(scratch, lanes, at(dK, channel * time), time, step, -1);
      for (let l = 0; l < lanes; l++) {
        const i = channel * state + n + l;
        const lane = scratch + l * LANE;
        demotePair(lane + DC, at(dC, i * 2));
        store<f32>(at(dlogAReal, i), <f32>(load<f64>(lane + BACK) * load<f64>(lane)));
        store<f32>(at(dAImag, i), <f32>load<f64>(lane + BACK, 8));
        sum += load<f64>(lane + BACK, 32) * step;
      }
    }
    store<f32>(at(dlogDt, channel), <f32>sum);
  }
}

/** Gradients of one mode or two, whose numbers stand in their lanes. */
function kernelGradients(lanes: usize, count: i32, dK: usize, time: i32, step: f64, rule: i32): void {
  const second = lanes + (count == 2 ? LANE : 0); // one alone is computed twice
  for (let l = 0; l < count; l++) {
    const lane = lanes + l * LANE;
    discretizeModeTo(
      lane + DISCRETE,
      rule,
      load<f64>(lane), load<f64>(lane, 8),
      load<f64>(lane, 16), load<f64>(lane, 24),
      step,
    );
  }
  const fRe = both(lanes + DISCRETE, second + DISCRETE);
  const fIm = both(lanes + DISCRETE + 8, second + DISCRETE + 8);
  let re = f64x2.splat(0);
  let im = f64x2.splat(0);
  let slopeRe = f64x2.splat(0);
  let slopeIm = f64x2.splat(0);
  for (let l = time - 1; l >= 0; l--) {
    const nextSlope = f64x2.add(f64x2.sub(f64x2.mul(slopeRe, fRe), f64x2.mul(slopeIm, fIm)), re);
    slopeIm = f64x2.add(f64x2.add(f64x2.mul(slopeRe, fIm), f64x2.mul(slopeIm, fRe)), im);
    slopeRe = nextSlope;
    const here = f64x2.splat(<f64>load<f32>(at(dK, l)));
    const next = f64x2.add(f64x2.sub(f64x2.mul(re, fRe), f64x2.mul(im, fIm)), here);
    im = f64x2.add(f64x2.mul(re, fIm), f64x2.mul(im, fRe));
    re = next;
  }
  laneGradients(
    lanes,
    step,
    f64x2.extract_lane(re, 0), f64x2.extract_lane(im, 0),
    f64x2.extract_lane(slopeRe, 0), f64x2.extract_lane(slopeIm, 0),
  );
  if (count == 2) {
    laneGradients(
      second,
      step,
      f64x2.extract_lane(re, 1), f64x2.extract_lane(im, 1),
      f64x2.extract_lane(slopeRe, 1), f64x2.extract_lane(slopeIm, 1),
    );
  }
}

/** Gradients of a mode from the polynomial's value and slope. */
function laneGradients(lane: usize, step: f64, re: f64, im: f64, slopeRe: f64, slopeIm: f64): void {
  const cRe = load<f64>(lane, 32);
  const cIm = load<f64>(lane, 40);
  const inRe = load<f64>(lane + DISCRETE, 16);
  const inIm = load<f64>(lane + DISCRETE, 24);
  const weightRe = cRe * inRe - cIm * inIm;
  const weightIm = cRe * inIm + cIm * inRe;
  const dwRe = 2 * re;
  const dwIm = -2 * im;
  modeGradientTo(
    lane + BACK,
    lane + DISCRETE,
    load<f64>(lane), load<f64>(lane, 8),
    load<f64>(lane, 16), load<f64>(lane, 24),
    step,
    2 * (weightRe * slopeRe - weightIm * slopeIm), -2 * (weightRe * slopeIm + weightIm * slopeRe),
    cRe * dwRe + cIm * dwIm, cRe * dwIm - cIm * dwRe,
  );
  store<f64>(lane + DC, inRe * dwRe + inIm * dwIm);
  store<f64>(lane + DC, inRe * dwIm - inIm * dwRe, 8);
}

@inline
function both(first: usize, second: usize): v128 {
  return f64x2.replace_lane(f64x2.splat(load<f64>(first)), 1, load<f64>(second));
}

@inline
function promotePair(from: usize, to: usize): void {
  store<f64>(to, <f64>load<f32>(from));
  store<f64>(to, <f64>load<f32>(from, 4), 8);
}

@inline
function demotePair(from: usize, to: usize): void {
  store<f32>(to, <f32>load<f64>(from));
  store<f32>(to, <f32>load<f64>(from, 8), 4);
}
