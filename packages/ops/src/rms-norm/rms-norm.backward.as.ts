/**
 * Gradient of root-mean-square normalisation. A unit is a block of 32 rows, wherever threads are cut; each row is read
 * twice, the second time from the cache. What the block adds to the gradient of `weight` goes to `partial`, `block
 * features`, whose rows another pass sums. Sums along a row have 64 bits. Moves 12 bytes an element.
 */
import { highHalf, lowHalf, sumLanes } from "../../../wasm/src/snippets/double.as.ts";
import { madd, nmadd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";

const ROWS = 32;

export function rmsNormBackward(
  begin: i32, end: i32, scratch: usize,
  rows: i32, features: i32, eps: i32,
  x: usize, weight: usize, dy: usize, dx: usize, partial: usize,
): void {
  for (let block = begin; block < end; block++) {
    const sums = at(partial, block * features);
    memory.fill(sums, 0, (<usize>features) << 2);
    const last = min(rows, (block + 1) * ROWS);
    for (let r = block * ROWS; r < last; r++) {
      const row = r * features;
      backward(at(x, row), weight, at(dy, row), at(dx, row), sums, features, reinterpret<f32>(eps));
    }
  }
}

@inline
function backward(x: usize, weight: usize, dy: usize, dx: usize, sums: usize, features: i32, eps: f32): void {
  let squares = f64x2.splat(0);
  let products = f64x2.splat(0);
  for (let f = 0; f < features; f += 4) {
    const count = features - f;
    const value = load4(at(x, f), count);
    const g = f32x4.mul(load4(at(dy, f), count), load4(at(weight, f), count));
    const low = lowHalf(value);
    const high = highHalf(value);
    squares = f64x2.add(squares, f64x2.add(f64x2.mul(low, low), f64x2.mul(high, high)));
    products = f64x2.add(products, f64x2.add(f64x2.mul(lowHalf(g), low), f64x2.mul(highHalf(g), high)));
  }
  const s = 1 / Math.sqrt(sumLanes(squares) / <f64>features + <f64>eps);
  const scale = f32x4.splat(<f32>s);
  const pull = f32x4.splat(<f32>((s * s * sumLanes(products)) / <f64>features));
  for (let f = 0; f < features; f += 4) {
    const count = features - f;
    const value = load4(at(x, f), count);
    const upstream = load4(at(dy, f), count);
    const g = f32x4.mul(upstream, load4(at(weight, f), count));
    store4(at(dx, f), f32x4.mul(scale, nmadd(value, pull, g)), count);
    store4(at(sums, f), madd(f32x4.mul(value, scale), upstream, load4(at(sums, f), count)), count);
  }
}
