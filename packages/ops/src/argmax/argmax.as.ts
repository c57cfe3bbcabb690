/**
 * Place of the largest number of a row. A unit is a row, which is read twice, the second time up to the place: first for
 * the largest number, then for where it is.
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

/** NaN if there is one. Two times four lanes at once, and NaN looked for apart: the maximum that keeps it takes long. */
function peakOf(x: usize, features: i32): f32 {
  let low = f32x4.splat(-Infinity);
  let high = low;
  let nan = f32x4.splat(0);
  let f = 0;
  for (; f + 8 <= features; f += 8) {
    const a = v128.load(at(x, f));
    const b = v128.load(at(x, f), 16);
    low = f32x4.pmax(low, a);
    high = f32x4.pmax(high, b);
    nan = v128.or(nan, v128.or(f32x4.ne(a, a), f32x4.ne(b, b)));
  }
  if (v128.any_true(nan)) return NaN;
  const peaks = f32x4.pmax(low, high);
  let peak = max<f32>(f32x4.extract_lane(peaks, 0), f32x4.extract_lane(peaks, 1));
  peak = max<f32>(peak, max<f32>(f32x4.extract_lane(peaks, 2), f32x4.extract_lane(peaks, 3)));
  for (; f < features; f++) peak = max<f32>(peak, load<f32>(at(x, f)));
  return peak;
}
