import { cosineSine, wgsl, type Wgsl } from "@elapid/webgpu";
import { complex } from "./complex.wgsl.ts";
import { blend } from "./rules.ts";

/**
 * `exact(x)` = exp(x) within 2 ulp. The builtin may be off by twice its argument in ulp, and an error in a step size
 * grows with every step. Below -87 it is 0, above 88 infinite.
 */
export const exact = wgsl`
fn exact(x: f32) -> f32 {
  let n = round(clamp(x, -87.0, 88.5) * 1.4426950408889634);
  let r = x - n * 0.693359375 + n * 2.12194440e-4;
  var p = fma(r, 1.0 / 5040.0, 1.0 / 720.0);
  p = fma(p, r, 1.0 / 120.0);
  p = fma(p, r, 1.0 / 24.0);
  p = fma(p, r, 1.0 / 6.0);
  p = fma(p, r, 0.5);
  p = fma(p, r, 1.0);
  p = fma(p, r, 1.0);
  if (x < -87.0) { return 0.0; }
  if (x > 88.5) { return x * 3.0e38; }
  return p * bitcast<f32>(u32(i32(n) + 127) << 23u);
}`;

/**
 * `discretize(a, b, dt)`, one mode as a recurrence, and `modeGradient`: the arithmetic of `rules.ts`. A factor is kept
 * less 1, as `m`: slow modes have factors near 1, and would lose their digits. `grow(x, m)` is x · factor,
 * `compound(p, q)` the product of two factors, again less 1.
 */
export function modes(rule: string): Wgsl {
  const isHeld = rule === "zoh";
  const alpha = isHeld ? 0 : blend[rule as keyof typeof blend];
  return wgsl`
${complex}
${exact}
${cosineSine}
struct Mode {
  m: vec2f, // factor - 1
  input: vec2f,
  g: vec2f,
  df: vec2f,
  dg: vec2f,
}

fn grow(x: vec2f, m: vec2f) -> vec2f { return x + times(x, m); }
fn compound(p: vec2f, q: vec2f) -> vec2f { return p + (q + times(p, q)); }

fn discretize(a: vec2f, b: vec2f, dt: f32) -> Mode {
  let one = vec2f(1.0, 0.0);
  let z = a * dt;
  var mode: Mode;
  if (!${isHeld}) {
    mode.g = over(one, one - ${alpha} * z);
    mode.m = times(z, mode.g);
    mode.df = times(mode.g, mode.g);
    mode.dg = ${alpha} * mode.df;
  } else if (length(z) >= 0.5) {
    mode.df = exact(z.x) * cosineSine(z.y);
    mode.m = mode.df - one;
    mode.g = over(mode.m, z);
    mode.dg = over(mode.df - mode.g, z);
  } else {
    // near 0 the differences above cancel: sum over k of z^k / (k + 1)!, and its derivative
    mode.g = one;
    var term = 0.5 * one;
    for (var k = 1.0; k < 10.0; k += 1.0) {
      mode.dg += k * term;
      term = times(term, z);
      mode.g += term;
      term /= k + 2.0;
    }
    mode.m = times(z, mode.g);
    mode.df = one + mode.m;
  }
  mode.input = times(b, mode.g) * dt;
  return mode;
}

struct ModeGradient {
  da: vec2f,
  db: vec2f,
  ddt: f32,
}

fn modeGradient(mode: Mode, a: vec2f, b: vec2f, dt: f32, dfactor: vec2f, dinput: vec2f) -> ModeGradient {
  let dz = conjTimes(mode.df, dfactor) + conjTimes(times(b, mode.dg) * dt, dinput);
  let bg = times(b, mode.g);
  return ModeGradient(dz * dt, conjTimes(mode.g, dinput) * dt, dot(a, dz) + dot(bg, dinput));
}`;
}
