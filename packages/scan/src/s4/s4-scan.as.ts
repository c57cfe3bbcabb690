/**
 * The recurrence of normal-plus-low-rank systems. A unit is a channel of a sequence, whose state stays in scratch in 64 bits, 96
 * bytes a mode with what it is multiplied by. Work: some 30 operations for each `batch · inner · state · time`.
 */
import { at } from "../../../wasm/src/snippets/memory.as.ts";

// numbers of a mode: h, v, ahead = 2/dt + w, behind = 1 / (2/dt - w), P and behind P, each complex
const MODE: usize = 96;

export function s4Scan(
  begin: i32, end: i32, scratch: usize, time: i32, inner: i32, state: i32,
  u: usize, logDt: usize, logAReal: usize, AImag: usize, P: usize, B: usize, C: usize, D: usize, initialState: usize,
  y: usize, finalState: usize,
): void {
  for (let unit = begin; unit < end; unit++) {
    const e = unit % inner;
    const first = (unit / inner) * time * inner + e;
    const i = e * state;
    const held = unit * state * 2;
    const rate = 2 * Math.exp(-<f64>load<f32>(at(logDt, e)));
    const skip = D ? <f64>load<f32>(at(D, e)) : 0;
    let lowRank: f64 = 1;
    for (let n = 0; n < state; n++) {
      const mode = scratch + <usize>n * MODE;
      const wRe = -Math.exp(<f64>load<f32>(at(logAReal, i + n)));
      const wIm = <f64>load<f32>(at(AImag, i + n));
      const size = 1 / ((rate - wRe) * (rate - wRe) + wIm * wIm);
      const behindRe = (rate - wRe) * size;
      const behindIm = wIm * size;
      const pRe = <f64>load<f32>(at(P, 2 * (i + n)));
      const pIm = <f64>load<f32>(at(P, 2 * (i + n)), 4);
      store<f64>(mode, initialState ? <f64>load<f32>(at(initialState, held + 2 * n)) : 0);
      store<f64>(mode, initialState ? <f64>load<f32>(at(initialState, held + 2 * n), 4) : 0, 8);
      store<f64>(mode, rate + wRe, 32);
      store<f64>(mode, wIm, 40);
      store<f64>(mode, behindRe, 48);
      store<f64>(mode, behindIm, 56);
      store<f64>(mode, pRe, 64);
      store<f64>(mode, pIm, 72);
      store<f64>(mode, behindRe * pRe - behindIm * pIm, 80);
      store<f64>(mode, behindRe * pIm + behindIm * pRe, 88);
      lowRank += 2 * behindRe * (pRe * pRe + pIm * pIm);
    }
    for (let t = 0; t < time; t++) {
      const input = <f64>load<f32>(at(u, first + t * inner));
      const out = step(scratch, state, at(B, 2 * i), at(C, 2 * i), 2 * input, lowRank);
      store<f32>(at(y, first + t * inner), <f32>(out + skip * input));
    }
    for (let n = 0; n < state; n++) {
      const mode = scratch + <usize>n * MODE;
      store<f32>(at(finalState, held + 2 * n), <f32>load<f64>(mode));
      store<f32>(at(finalState, held + 2 * n), <f32>load<f64>(mode, 8), 4);
    }
  }
}

function step(modes: usize, state: i32, B: usize, C: usize, drive: f64, lowRank: f64): f64 {
  const end = modes + <usize>state * MODE;
  let along: f64 = 0;
  for (let mode = modes; mode < end; mode += MODE) {
    along += load<f64>(mode, 64) * load<f64>(mode) + load<f64>(mode, 72) * load<f64>(mode, 8);
  }
  along *= 2;
  let less: f64 = 0;
  for (let mode = modes; mode < end; mode += MODE, B += 8) {
    const hRe = load<f64>(mode);
    const hIm = load<f64>(mode, 8);
    const aRe = load<f64>(mode, 32);
    const aIm = load<f64>(mode, 40);
    const pRe = load<f64>(mode, 64);
    const pIm = load<f64>(mode, 72);
    const re = aRe * hRe - aIm * hIm - along * pRe + drive * <f64>load<f32>(B);
    const im = aRe * hIm + aIm * hRe - along * pIm + drive * <f64>load<f32>(B, 4);
    const bRe = load<f64>(mode, 48);
    const bIm = load<f64>(mode, 56);
    const vRe = bRe * re - bIm * im;
    const vIm = bRe * im + bIm * re;
    store<f64>(mode, vRe, 16);
    store<f64>(mode, vIm, 24);
    less += pRe * vRe + pIm * vIm;
  }
  less *= 2 / lowRank;
  let out: f64 = 0;
  for (let mode = modes; mode < end; mode += MODE, C += 8) {
    const re = load<f64>(mode, 16) - less * load<f64>(mode, 80);
    const im = load<f64>(mode, 24) - less * load<f64>(mode, 88);
    store<f64>(mode, re);
    store<f64>(mode, im, 8);
    out += <f64>load<f32>(C) * re - <f64>load<f32>(C, 4) * im;
  }
  return 2 * out;
}
