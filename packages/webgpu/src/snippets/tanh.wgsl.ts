import { wgsl } from "../wgsl.ts";
import { exponential } from "./exponential.wgsl.ts";

/**
 * `tanhOf(x)`, to the last digits; polynomial of Cephes below 0.625, where `1 - 2 / (1 + exp(2x))` would lose them. WGSL's own may be
 * off by 1e-5.
 */
export const tanh = wgsl`${exponential}
fn tanhOf(x: f32) -> f32 {
  let square = x * x;
  var p = fma(-5.70498872745e-3, square, 2.06390887954e-2);
  p = fma(p, square, -5.37397155531e-2);
  p = fma(p, square, 1.33314422036e-1);
  p = fma(p, square, -3.33332819422e-1);
  let near = fma(p * square, x, x);
  return select(1.0 - 2.0 / (1.0 + exponential(x + x)), near, abs(x) < 0.625);
}`;
