import { wgsl } from "../wgsl.ts";

/** `exponential(x)` = exp(x), and NaN for NaN, which `exp` does not promise: software drivers give a number. */
export const exponential = wgsl`
fn exponential(x: f32) -> f32 {
  let isNan = (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
  return select(exp(x), x, isNan);
}`;
