import { wgsl } from "../wgsl.ts";

/** `nan()`: not a number. WGSL has no literal for it and refuses to compute one before run time. */
export const nan = wgsl`
fn nan() -> f32 {
  var bits = 0x7fc00000u;
  return bitcast<f32>(bits);
}`;
