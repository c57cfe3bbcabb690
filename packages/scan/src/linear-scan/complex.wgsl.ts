import { wgsl } from "@elapid/webgpu";

/** `times(a, b)` and `conjugate(a)` of complex numbers. */
export const complex = wgsl`
fn times(a: vec2f, b: vec2f) -> vec2f {
  return vec2f(fma(-a.y, b.y, a.x * b.x), fma(a.y, b.x, a.x * b.y));
}

fn conjugate(a: vec2f) -> vec2f {
  return vec2f(a.x, -a.y);
}`;
