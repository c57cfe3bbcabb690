/** Gradient of the discretisation of diagonal systems. A unit is a channel, its modes one after another in 64 bits. */
import { at } from "../../../wasm/src/snippets/memory.as.ts";
import { discretizeModeTo, modeGradientTo } from "./mode.as.ts";

export function discretizeDiagonalBackward(
  begin: i32, end: i32, scratch: usize,
  state: i32, parts: i32,
  A: usize, B: usize, dt: usize, dABar: usize, dBBar: usize,
  dA: usize, dB: usize, ddt: usize,
  rule: i32,
): void {
  const complex = parts == 2;
  const back = scratch + 80;
  for (let channel = begin; channel < end; channel++) {
    const step = <f64>load<f32>(at(dt, channel));
    let sum: f64 = 0;
    for (let n = 0; n < state; n++) {
      const i = (channel * state + n) * parts;
      const aRe = part(A, i);
      const aIm = complex ? part(A, i + 1) : 0;
      const bRe = part(B, i);
      const bIm = complex ? part(B, i + 1) : 0;
      discretizeModeTo(scratch, rule, aRe, aIm, bRe, bIm, step);
      modeGradientTo(
        back,
        scratch,
        aRe, aIm,
        bRe, bIm,
        step,
        part(dABar, i), complex ? part(dABar, i + 1) : 0,
        part(dBBar, i), complex ? part(dBBar, i + 1) : 0,
      );
      store<f32>(at(dA, i), <f32>load<f64>(back));
      store<f32>(at(dB, i), <f32>load<f64>(back, 16));
      if (complex) {
        store<f32>(at(dA, i), <f32>load<f64>(back, 8), 4);
        store<f32>(at(dB, i), <f32>load<f64>(back, 24), 4);
      }
      sum += load<f64>(back, 32);
    }
    store<f32>(at(ddt, channel), <f32>sum);
  }
}

/** Element `i`, or 0 of a tensor that is not given. */
@inline
function part(tensor: usize, i: i32): f64 {
  return tensor ? <f64>load<f32>(at(tensor, i)) : 0;
}
