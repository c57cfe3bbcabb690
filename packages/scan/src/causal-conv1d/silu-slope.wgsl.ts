import { exponential, wgsl } from "@elapid/webgpu";

/** `sigmoid(x)` and `siluSlope(x)`, the derivative of silu. The exponential is of a negative number, so nothing overflows. */
export const siluSlope = wgsl`${exponential}
fn sigmoid(x: f32) -> f32 {
  let e = exponential(-abs(x));
  return select(e, 1.0, x >= 0.0) / (1.0 + e);
}
fn siluSlope(x: f32) -> f32 {
  let s = sigmoid(x);
  return s * fma(x, 1.0 - s, 1.0);
}`;
