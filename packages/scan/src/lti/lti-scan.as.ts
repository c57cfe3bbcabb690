/**
 * The recurrence of diagonal systems. A unit is a channel of a sequence; its outputs are summed in 64 bits in scratch,
 * one pass over time for each mode, in which the state stays in registers.
 *
 * Work: eight multiply-adds for each `batch · inner · state · time`, and one exponential, sine and cosine a mode; memory
 * traffic is inputs and outputs once, and two doubles of scratch a step and mode.
 */
import { at } from "../../../wasm/src/snippets/memory.as.ts";
import { discretizeModeTo } from "./mode.as.ts";

export function ltiScan(
  begin: i32, end: i32, scratch: usize,
  time: i32, inner: i32, state: i32,
  u: usize, A: usize, B: usize, C: usize, dt: usize, D: usize, initialState: usize,
  y: usize, finalState: usize,
  rule: i32,
): void {
  const input = scratch + 80;
  const sums = input + (<usize>time << 3);
  for (let unit = begin; unit < end; unit++) {
    const e = unit % inner;
    const first = (unit / inner) * time * inner + e;
    const skip = D ? <f64>load<f32>(at(D, e)) : 0;
    for (let t = 0; t < time; t++) {
      const value = <f64>load<f32>(at(u, first + t * inner));
      store<f64>(input + (<usize>t << 3), value);
      store<f64>(sums + (<usize>t << 3), skip * value);
    }
    for (let n = 0; n < state; n++) {
      const i = (e * state + n) * 2;
      discretizeModeTo(
        scratch,
        rule,
        <f64>load<f32>(at(A, i)), <f64>load<f32>(at(A, i), 4),
        <f64>load<f32>(at(B, i)), <f64>load<f32>(at(B, i), 4),
        <f64>load<f32>(at(dt, e)),
      );
      const held = (unit * state + n) * 2;
      runMode(scratch, at(C, i), initialState ? at(initialState, held) : 0, at(finalState, held), input, sums, time);
    }
    for (let t = 0; t < time; t++) store<f32>(at(y, first + t * inner), <f32>load<f64>(sums + (<usize>t << 3)));
  }
}

function runMode(mode: usize, C: usize, from: usize, to: usize, input: usize, sums: usize, time: i32): void {
  const fRe = load<f64>(mode);
  const fIm = load<f64>(mode, 8);
  const inRe = load<f64>(mode, 16);
  const inIm = load<f64>(mode, 24);
  const cRe = 2 * <f64>load<f32>(C);
  const cIm = 2 * <f64>load<f32>(C, 4);
  let re: f64 = from ? <f64>load<f32>(from) : 0;
  let im: f64 = from ? <f64>load<f32>(from, 4) : 0;
  for (let t = 0; t < time; t++) {
    const offset = <usize>t << 3;
    const value = load<f64>(input + offset);
    const next = re * fRe - im * fIm + inRe * value;
    im = re * fIm + im * fRe + inIm * value;
    re = next;
    store<f64>(sums + offset, load<f64>(sums + offset) + (cRe * re - cIm * im));
  }
  store<f32>(to, <f32>re);
  store<f32>(to, <f32>im, 4);
}
