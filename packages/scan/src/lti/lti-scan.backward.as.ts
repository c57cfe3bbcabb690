/**
 * Gradient of the recurrence of diagonal systems. A unit is a channel of all sequences, so that its parameters' sums run
 * in the order of the batch. Mode by mode and sequence by sequence the states are run through again and kept in scratch,
 * then the sequence backwards.
 *
 * Work: 22 multiply-adds for each `batch · inner · state · time`; scratch of `2 time` doubles for the states and
 * `batch · time` for the gradient of the inputs, which is read and written once a mode.
 */
import { at } from "../../../wasm/src/snippets/memory.as.ts";
import { discretizeModeTo, modeGradientTo } from "./mode.as.ts";

export function ltiScanBackward(
  begin: i32, end: i32, scratch: usize,
  batch: i32, time: i32, inner: i32, state: i32,
  u: usize, A: usize, B: usize, C: usize, dt: usize, D: usize, initialState: usize, dy: usize, dfinalState: usize,
  du: usize, dA: usize, dB: usize, dC: usize, ddt: usize, dD: usize, dinitialState: usize,
  rule: i32,
): void {
  const back = scratch + 80; // gradients by factor, input and C; then what modeGradientTo gives
  const states = scratch + 176;
  const dinputs = states + (<usize>(time + 1) << 4);
  for (let e = begin; e < end; e++) {
    memory.fill(dinputs, 0, <usize>(batch * time) << 3);
    const step = <f64>load<f32>(at(dt, e));
    let dstep: f64 = 0;
    for (let n = 0; n < state; n++) {
      const i = (e * state + n) * 2;
      const aRe = <f64>load<f32>(at(A, i));
      const aIm = <f64>load<f32>(at(A, i), 4);
      const bRe = <f64>load<f32>(at(B, i));
      const bIm = <f64>load<f32>(at(B, i), 4);
      discretizeModeTo(scratch, rule, aRe, aIm, bRe, bIm, step);
      memory.fill(back, 0, 48);
      for (let b = 0; b < batch; b++) {
        const first = b * time * inner + e;
        const held = ((b * inner + e) * state + n) * 2;
        const sums = dinputs + (<usize>(b * time) << 3);
        keepStates(states, scratch, initialState ? at(initialState, held) : 0, at(u, first), time, inner);
        backwards(
          back, scratch, states, sums,
          at(u, first), at(C, i), dy ? at(dy, first) : 0,
          dfinalState ? at(dfinalState, held) : 0, at(dinitialState, held),
          time, inner,
        );
      }
      modeGradientTo(
        back + 48, scratch,
        aRe, aIm,
        bRe, bIm,
        step,
        load<f64>(back), load<f64>(back, 8),
        load<f64>(back, 16), load<f64>(back, 24),
      );
      for (let p: usize = 0; p < 2; p++) {
        const from = back + (p << 3);
        store<f32>(at(dA, i) + (p << 2), <f32>load<f64>(from, 48));
        store<f32>(at(dB, i) + (p << 2), <f32>load<f64>(from, 64));
        store<f32>(at(dC, i) + (p << 2), <f32>load<f64>(from, 32));
      }
      dstep += load<f64>(back, 80);
    }
    store<f32>(at(ddt, e), <f32>dstep);
    const skip = D ? <f64>load<f32>(at(D, e)) : 0;
    let dskip: f64 = 0;
    for (let row = 0; row < batch * time; row++) {
      const here = row * inner + e;
      const upstream = dy ? <f64>load<f32>(at(dy, here)) : 0;
      let sum = load<f64>(dinputs + (<usize>row << 3));
      if (D) sum += skip * upstream;
      store<f32>(at(du, here), <f32>sum);
      dskip += upstream * <f64>load<f32>(at(u, here));
    }
    store<f32>(at(dD, e), <f32>dskip);
  }
}

/** The state before each step, and after the last. */
function keepStates(states: usize, mode: usize, from: usize, u: usize, time: i32, inner: i32): void {
  const fRe = load<f64>(mode);
  const fIm = load<f64>(mode, 8);
  const inRe = load<f64>(mode, 16);
  const inIm = load<f64>(mode, 24);
  let re: f64 = from ? <f64>load<f32>(from) : 0;
  let im: f64 = from ? <f64>load<f32>(from, 4) : 0;
  store<f64>(states, re);
  store<f64>(states, im, 8);
  for (let t = 0; t < time; t++) {
    const value = <f64>load<f32>(at(u, t * inner));
    const next = re * fRe - im * fIm + inRe * value;
    im = re * fIm + im * fRe + inIm * value;
    re = next;
    const to = states + (<usize>(t + 1) << 4);
    store<f64>(to, re);
    store<f64>(to, im, 8);
  }
}

/** One mode of one sequence: adds to the gradients at `back` and to those of the inputs. */
function backwards(
  back: usize, mode: usize, states: usize, sums: usize,
  u: usize, C: usize, dy: usize,
  from: usize, to: usize,
  time: i32, inner: i32,
): void {
  const fRe = load<f64>(mode);
  const fIm = load<f64>(mode, 8);
  const inRe = load<f64>(mode, 16);
  const inIm = load<f64>(mode, 24);
  const cRe = <f64>load<f32>(C);
  const cIm = <f64>load<f32>(C, 4);
  let dfactorRe = load<f64>(back);
  let dfactorIm = load<f64>(back, 8);
  let dinputRe = load<f64>(back, 16);
  let dinputIm = load<f64>(back, 24);
  let dcRe = load<f64>(back, 32);
  let dcIm = load<f64>(back, 40);
  let gRe: f64 = from ? <f64>load<f32>(from) : 0;
  let gIm: f64 = from ? <f64>load<f32>(from, 4) : 0;
  for (let t = time - 1; t >= 0; t--) {
    const before = states + (<usize>t << 4);
    const upstream = dy ? 2 * <f64>load<f32>(at(dy, t * inner)) : 0;
    const value = <f64>load<f32>(at(u, t * inner));
    gRe += cRe * upstream;
    gIm -= cIm * upstream;
    dcRe += load<f64>(before, 16) * upstream;
    dcIm -= load<f64>(before, 24) * upstream;
    const sum = sums + (<usize>t << 3);
    store<f64>(sum, load<f64>(sum) + (inRe * gRe + inIm * gIm));
    dinputRe += gRe * value;
    dinputIm += gIm * value;
    const hRe = load<f64>(before);
    const hIm = load<f64>(before, 8);
    dfactorRe += hRe * gRe + hIm * gIm;
    dfactorIm += hRe * gIm - hIm * gRe;
    const next = fRe * gRe + fIm * gIm;
    gIm = fRe * gIm - fIm * gRe;
    gRe = next;
  }
  store<f64>(back, dfactorRe);
  store<f64>(back, dfactorIm, 8);
  store<f64>(back, dinputRe, 16);
  store<f64>(back, dinputIm, 24);
  store<f64>(back, dcRe, 32);
  store<f64>(back, dcIm, 40);
  store<f32>(to, <f32>gRe);
  store<f32>(to, <f32>gIm, 4);
}
