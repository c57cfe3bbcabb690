/**
 * Place of the largest number of a row. A unit is a row, which is read twice, the second time up to the place: first for
 * the largest number, four lanes at a time, then for where it is.
 */
import { at } from "../../../wasm/src/snippets/memory.as.ts";

export function argmax(begin: i32, end: i32, scratch: usize, features: i32, x: usize, index: usize): void {
  for (let r = begin; r < end; r++) store<i32>(at(index, r), placeOf(at(x, r * features), features));
}

function placeOf(x: usize, features: i32): i32 {
  const peak = peakOf(x, features);
  if (peak == -Infinity) return -1 - features;
  if (isNaN(peak)) {
    for (let f = 0; f < features; f++) if (isNaN(load<f32>(at(x, f)))) return -1 - f;
  }
  const wanted = f32x4.splat(peak);
  let f = 0;
  while (f + 4 <= features && !v128.any_true(f32x4.eq(v128.load(at(x, f)), wanted))) f += 4;
  while (load<f32>(at(x, f)) != peak) f++;
  return f;
}

/** NaN if there is one. */
function peakOf(x: usize, features: i32): f32 {
  let peaks = f32x4.splat(-Infinity);
  const whole = features & ~3;
  for (let f = 0; f < whole; f += 4) peaks = f32x4.max(peaks, v128.load(at(x, f)));
  let peak = max<f32>(max<f32>(f32x4.extract_lane(peaks, 0), f32x4.extract_lane(peaks, 1)), max<f32>(f32x4.extract_lane(peaks, 2), f32x4.extract_lane(peaks, 3)));
  for (let f = whole; f < features; f++) peak = max<f32>(peak, load<f32>(at(x, f)));
  return peak;
}
