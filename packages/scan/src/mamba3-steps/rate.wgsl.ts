import { wgsl } from "@elapid/webgpu";
import { isNan } from "../linear-scan/is-nan.wgsl.ts";

/** `rate(x)`, how fast a head of Mamba-3 forgets: `1 + x`, and `1 / (1 - x)` below 0; `atLeast`, a maximum that NaN passes. */
export const rate = wgsl`${isNan}
fn rate(x: f32) -> f32 {
  return select(1.0 + x, 1.0 / (1.0 - x), x < 0.0);
}
fn atLeast(value: f32, least: f32) -> f32 {
  return select(max(value, least), value, isNan(value));
}`;
