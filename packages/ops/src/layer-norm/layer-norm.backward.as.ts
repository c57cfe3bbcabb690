/**
 * Gradient of layer normalisation. A unit is a block of 32 rows, wherever threads are cut; each row is read four times,
 * the last three from the cache. What the block adds to the gradients of `weight` and `bias` goes to `partialWeight` and
 * `partialBias`, both `block features`, whose rows further passes sum. Sums along a row have 64 bits. Moves 12 bytes an
 * element.
 */
import { highHalf, lowHalf, sumLanes } from "../../../wasm/src/snippets/double.as.ts";
import { madd, nmadd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { meanOf, squaredDistances } from "../../../wasm/src/snippets/moments.as.ts";

const ROWS = 32;

export function layerNormBackward(
  begin: i32, end: i32, scratch: usize,
  rows: i32, features: i32, eps: i32,
  x: usize, weight: usize, dy: usize, dx: usize, partialWeight: usize, partialBias: usize,
): void {
  for (let block = begin; block < end; block++) {
    const weightSums = at(partialWeight, block * features);
    const biasSums = at(partialBias, block * features);
    memory.fill(weightSums, 0, (<usize>features) << 2);
    memory.fill(biasSums, 0, (<usize>features) << 2);
    const last = min(rows, (block + 1) * ROWS);
    for (let r = block * ROWS; r < last; r++) {
      const row = r * features;
      const values = at(x, row);
      const mean = meanOf(values, features);
      const variance = squaredDistances(values, features, mean) / <f64>features;
      const scale = <f32>(1 / Math.sqrt(variance + <f64>reinterpret<f32>(eps)));
      backward(values, weight, at(dy, row), at(dx, row), weightSums, biasSums, features, mean, scale);
    }
  }
}

@inline
function backward(
  x: usize, weight: usize, dy: usize, dx: usize, weightSums: usize, biasSums: usize,
  features: i32, mean: f64, s: f32,
): void {
  // the mean in two parts: rounded to 32 bits it would be too coarse for rows far from 0
  const coarse = f32x4.splat(<f32>mean);
  const fine = f32x4.splat(<f32>(mean - <f64>(<f32>mean)));
  const scale = f32x4.splat(s);
  let levels = f64x2.splat(0);
  let products = f64x2.splat(0);
  for (let f = 0; f < features; f += 4) {
    const count = features - f;
    const normed = f32x4.mul(f32x4.sub(f32x4.sub(load4(at(x, f), count), coarse), fine), scale);
    const g = f32x4.mul(load4(at(dy, f), count), load4(at(weight, f), count));
    const low = lowHalf(g);
    const high = highHalf(g);
    levels = f64x2.add(levels, f64x2.add(low, high));
    const along = f64x2.add(f64x2.mul(low, lowHalf(normed)), f64x2.mul(high, highHalf(normed)));
    products = f64x2.add(products, along);
  }
  const level = f32x4.splat(<f32>(sumLanes(levels) / <f64>features));
  const along = f32x4.splat(<f32>(sumLanes(products) / <f64>features));
  for (let f = 0; f < features; f += 4) {
    const count = features - f;
    const normed = f32x4.mul(f32x4.sub(f32x4.sub(load4(at(x, f), count), coarse), fine), scale);
    const upstream = load4(at(dy, f), count);
    const g = f32x4.mul(upstream, load4(at(weight, f), count));
    store4(at(dx, f), f32x4.mul(scale, nmadd(normed, along, f32x4.sub(g, level))), count);
    store4(at(weightSums, f), madd(normed, upstream, load4(at(weightSums, f), count)), count);
    store4(at(biasSums, f), f32x4.add(load4(at(biasSums, f), count), upstream), count);
  }
}
