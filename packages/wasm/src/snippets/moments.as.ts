/** Sums over a row, in 64 bits, in lanes and in an order that the length alone decides. */
import { highHalf, lowHalf, sumLanes } from "./double.as.ts";
import { at, load4 } from "./memory.as.ts";

export function meanOf(x: usize, count: i32): f64 {
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (let i = 0; i < count; i += 4) {
    const values = load4(at(x, i), count - i);
    low = f64x2.add(low, lowHalf(values));
    high = f64x2.add(high, highHalf(values));
  }
  return sumLanes(f64x2.add(low, high)) / <f64>count;
}

export function squaredDistances(x: usize, count: i32, mean: f64): f64 {
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
