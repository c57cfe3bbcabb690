import { wgsl } from "@elapid/webgpu";

/** Complex numbers as `vec2f`: `times(a, b)`, `conjTimes(a, b)` = conj(a) · b, and `over(a, b)`. */
export const complex = wgsl`
fn times(a: vec2f, b: vec2f) -> vec2f {
  return vec2f(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}
fn conjTimes(a: vec2f, b: vec2f) -> vec2f {
  return vec2f(a.x * b.x + a.y * b.y, a.x * b.y - a.y * b.x);
}
fn over(a: vec2f, b: vec2f) -> vec2f {
  return conjTimes(b, a) / dot(b, b);
}`;
