import { wgsl } from "@elapid/webgpu";

/**
 * Complex numbers as `vec2f`: `times(a, b)`, `conjTimes(a, b)` = conj(a) · b, `over(a, b)`; and `cis(x)` =
 * (cos x, sin x), within 2e-7 up to |x| = 10⁴, which the builtins of WGSL do not promise. π/2 is subtracted in three
 * parts whose products with a whole number are exact; what is left is at most π/4, for which the Taylor series do.
 */
export const complex = wgsl`
fn times(a: vec2f, b: vec2f) -> vec2f {
  return vec2f(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}
fn conjTimes(a: vec2f, b: vec2f) -> vec2f {
  return vec2f(a.x * b.x + a.y * b.y, a.x * b.y - a.y * b.x);
}
fn over(a: vec2f, b: vec2f) -> vec2f {
  return conjTimes(b, a) / dot(b, b);
}
fn cis(x: f32) -> vec2f {
  let n = round(x * 0.6366197723675814);
  let r = x - n * 1.5703125 - n * 4.837512969970703e-4 - n * 7.549790126404332e-8;
  let q = r * r;
  let sine = r + r * q * (-1.0 / 6.0 + q * (1.0 / 120.0 + q * (-1.0 / 5040.0 + q / 362880.0)));
  let cosine = 1.0 + q * (-0.5 + q * (1.0 / 24.0 + q * (-1.0 / 720.0 + q * (1.0 / 40320.0 - q / 3628800.0))));
  switch u32(i32(n)) & 3u {
    case 0u: { return vec2f(cosine, sine); }
    case 1u: { return vec2f(-sine, cosine); }
    case 2u: { return vec2f(-cosine, -sine); }
    default: { return vec2f(sine, -cosine); }
  }
}`;
