import { exponential, wgsl } from "@elapid/webgpu";

/**
 * `normalBell(x)` = exp(-x²/2), and `normalCdf(x, bell)`, the probability of a normal number below `x`. The tail is
 * `bell · t · P(t)` with t = 1 / (1 + 0.32 |x|); P of degree 9 is off by at most 4.2e-8 of each value.
 */
export const normal = wgsl`${exponential}
fn normalBell(x: f32) -> f32 {
  return exponential(-0.5 * x * x);
}
fn normalCdf(x: f32, bell: f32) -> f32 {
  let t = 1.0 / fma(abs(x), 0.32, 1.0);
  var p = fma(-0.021623132378523507, t, 0.09793521537672188);
  p = fma(p, t, -0.15160769528485657);
  p = fma(p, t, 0.07046826142415213);
  p = fma(p, t, -0.012533999318332467);
  p = fma(p, t, 0.05979932624138855);
  p = fma(p, t, 0.08759353036523412);
  p = fma(p, t, 0.11464702820379248);
  p = fma(p, t, 0.12765991008964606);
  p = fma(p, t, 0.12766153768853983);
  let tail = p * t * bell;
  return select(1.0 - tail, tail, x < 0.0);
}`;
