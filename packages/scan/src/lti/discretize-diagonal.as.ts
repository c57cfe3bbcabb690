/**
 * Discretisation of diagonal systems, real or complex. A unit is a channel, its modes one after another in 64 bits; an
 * exponential, a sine and a cosine a mode are all of the work.
 */
import { at } from "../../../wasm/src/snippets/memory.as.ts";
import { discretizeModeTo } from "./mode.as.ts";

export function discretizeDiagonal(
  begin: i32, end: i32, scratch: usize,
  state: i32, parts: i32,
  A: usize, B: usize, dt: usize, ABar: usize, BBar: usize,
  rule: i32,
): void {
  const complex = parts == 2;
  for (let channel = begin; channel < end; channel++) {
    const step = <f64>load<f32>(at(dt, channel));
    for (let n = 0; n < state; n++) {
      const i = (channel * state + n) * parts;
      const aIm = complex ? <f64>load<f32>(at(A, i), 4) : 0;
      const bIm = complex ? <f64>load<f32>(at(B, i), 4) : 0;
      discretizeModeTo(scratch, rule, <f64>load<f32>(at(A, i)), aIm, <f64>load<f32>(at(B, i)), bIm, step);
      store<f32>(at(ABar, i), <f32>load<f64>(scratch));
      store<f32>(at(BBar, i), <f32>load<f64>(scratch, 16));
      if (!complex) continue;
      store<f32>(at(ABar, i), <f32>load<f64>(scratch, 8), 4);
      store<f32>(at(BBar, i), <f32>load<f64>(scratch, 24), 4);
    }
  }
}
