import { wgsl } from "../wgsl.ts";
import { exponential } from "./exponential.wgsl.ts";

/**
 * `softplus(x)` = log(1 + exp(x)). WGSL's `log` may be wrong by 2⁻²¹ near 1, which is all of a small result,
 * so log(1 + e) is summed here: 2 artanh(s) with s = e / (2 + e) at most 1/3, seven terms to float32's last bit.
 */
export const softplus = wgsl`${exponential}
fn softplus(x: f32) -> f32 {
  let e = exponential(-abs(x));
  let s = e / (2.0 + e);
  let q = s * s;
  let series = 1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * (1.0 / 9.0 + q * (1.0 / 11.0 + q / 13.0)))));
  return max(x, 0.0) + 2.0 * s * series;
}`;
