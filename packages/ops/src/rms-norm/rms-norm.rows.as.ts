/**
 * Root-mean-square normalisation, with or without a residual sum before it. A unit is a row; it is read twice, the
 * second time from the cache. Squares are summed in 64 bits, in four lanes: lane i takes elements i, i + 4, ...
 */
import { highHalf, lowHalf, sumLanes } from "../../../wasm/src/snippets/double.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";

export function rmsNorm(
  begin: i32, end: i32, scratch: usize,
  features: i32, eps: i32,
  x: usize, weight: usize, y: usize,
): void {
  for (let r = begin; r < end; r++) {
    const row = r * features;
    normalise(at(x, row), weight, at(y, row), features, reinterpret<f32>(eps));
  }
}

export function addRmsNorm(
  begin: i32, end: i32, scratch: usize,
  features: i32, eps: i32,
  x: usize, residual: usize, weight: usize, y: usize, sum: usize,
): void {
  for (let r = begin; r < end; r++) {
    const row = r * features;
    for (let f = 0; f < features; f += 4) {
      const i = row + f;
      const count = features - f;
      store4(at(sum, i), f32x4.add(load4(at(x, i), count), load4(at(residual, i), count)), count);
    }
    normalise(at(sum, row), weight, at(y, row), features, reinterpret<f32>(eps));
  }
}

function normalise(x: usize, weight: usize, y: usize, features: i32, eps: f32): void {
  const meanSquare = sumOfSquares(x, features) / <f64>features;
  const scale = f32x4.splat(<f32>(1 / Math.sqrt(meanSquare + <f64>eps)));
  for (let f = 0; f < features; f += 4) {
    const count = features - f;
    const scaled = f32x4.mul(load4(at(x, f), count), scale);
    store4(at(y, f), f32x4.mul(scaled, load4(at(weight, f), count)), count);
  }
}

function sumOfSquares(x: usize, count: i32): f64 {
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (let i = 0; i < count; i += 4) {
    const values = load4(at(x, i), count - i);
    low = f64x2.add(low, f64x2.mul(lowHalf(values), lowHalf(values)));
    high = f64x2.add(high, f64x2.mul(highHalf(values), highHalf(values)));
  }
  return sumLanes(f64x2.add(low, high));
}
