import { wgsl } from "../wgsl.ts";
import { exponential } from "./exponential.wgsl.ts";

/** `silu(x)` = x · sigmoid(x). The exponential is of a negative number, so nothing overflows. */
export const silu = wgsl`${exponential}
fn silu(x: f32) -> f32 {
  let e = exponential(-abs(x));
  return x * (select(e, 1.0, x >= 0.0) / (1.0 + e));
}`;
