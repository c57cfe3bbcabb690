/**
 * Layer normalisation. A unit is a row; it is read three times, the last two from the cache. Mean and variance are
 * summed in 64 bits, in lanes and in an order that the length alone decides.
 */
import { highHalf, lowHalf, sumLanes } from "../../../wasm/src/snippets/double.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";

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

function meanOf(x: usize, count: i32): f64 {
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (let i = 0; i < count; i += 4) {
    const values = load4(at(x, i), count - i);
    low = f64x2.add(low, lowHalf(values));
    high = f64x2.add(high, highHalf(values));
  }
  return sumLanes(f64x2.add(low, high)) / <f64>count;
}

function squaredDistances(x: usize, count: i32, mean: f64): f64 {
  const center = f64x2.splat(mean);
  let sum = f64x2.splat(0);
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const values = v128.load(at(x, i));
    const low = f64x2.sub(lowHalf(values), center);
    const high = f64x2.sub(highHalf(values), center);
    sum = f64x2.add(sum, f64x2.add(f64x2.mul(low, low), f64x2.mul(high, high)));
  }
  let rest: f64 = 0;
  for (; i < count; i++) {
    const distance = <f64>load<f32>(at(x, i)) - mean;
    rest += distance * distance;
  }
  return sumLanes(sum) + rest;
}
