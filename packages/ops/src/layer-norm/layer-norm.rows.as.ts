/**
 * Layer normalisation. A unit is a row; it is read three times, the last two from the cache. Mean and variance are
 * summed in 64 bits, in lanes and in an order that the length alone decides.
 */
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { meanOf, squaredDistances } from "../../../wasm/src/snippets/moments.as.ts";

export function layerNorm(
  begin: i32, end: i32, scratch: usize,
  features: i32, eps: i32,
  x: usize, weight: usize, bias: usize, y: usize,
): void {
  for (let r = begin; r < end; r++) {
    const row = r * features;
    const mean = meanOf(at(x, row), features);
    const variance = squaredDistances(at(x, row), features, mean) / <f64>features;
    const scale = f32x4.splat(<f32>(1 / Math.sqrt(variance + <f64>reinterpret<f32>(eps))));
    // the mean in two parts: rounded to 32 bits it would be too coarse for rows far from 0
    const coarse = <f32>mean;
    const fine = <f32>(mean - <f64>coarse);
    for (let f = 0; f < features; f += 4) {
      const count = features - f;
      const distance = f32x4.sub(f32x4.sub(load4(at(x, row + f), count), f32x4.splat(coarse)), f32x4.splat(fine));
      let out = f32x4.mul(f32x4.mul(distance, scale), load4(at(weight, f), count));
      if (bias) out = f32x4.add(out, load4(at(bias, f), count));
      store4(at(y, row + f), out, count);
    }
  }
}
