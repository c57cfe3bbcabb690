/**
 * Addresses and four-lane access for kernels. Tensors hold 4-byte elements; a kernel writes `at(x, row + f)` where the
 * reference writes `x[row + f]`. The end of a row takes the same arithmetic as its middle, on lanes filled with zeros,
 * so an element has the same bits wherever it stands.
 */

/** Address of element `index` of a tensor of 4-byte elements. */
@inline
export function at(tensor: usize, index: i32): usize {
  return tensor + ((<usize>index) << 2);
}

/** Four elements, or the first `count` of them and `fill` in the other lanes. */
@inline
export function load4(from: usize, count: i32, fill: f32 = 0): v128 {
  return count >= 4 ? v128.load(from) : gather4(from, 1, count, fill);
}

/** Stores four elements, or the first `count` of them. */
@inline
export function store4(to: usize, values: v128, count: i32): void {
  if (count >= 4) v128.store(to, values);
  else scatter4(to, 1, values, count);
}

/** As `load4`, of elements that lie `stride` elements apart. */
export function gather4(from: usize, stride: i32, count: i32, fill: f32 = 0): v128 {
  let values = v128.load_lane<f32>(from, f32x4.splat(fill), 0);
  if (count > 1) values = v128.load_lane<f32>(at(from, stride), values, 1);
  if (count > 2) values = v128.load_lane<f32>(at(from, stride * 2), values, 2);
  if (count > 3) values = v128.load_lane<f32>(at(from, stride * 3), values, 3);
  return values;
}

/** As `store4`, to elements that lie `stride` elements apart. */
export function scatter4(to: usize, stride: i32, values: v128, count: i32): void {
  v128.store_lane<f32>(to, values, 0);
  if (count > 1) v128.store_lane<f32>(at(to, stride), values, 1);
  if (count > 2) v128.store_lane<f32>(at(to, stride * 2), values, 2);
  if (count > 3) v128.store_lane<f32>(at(to, stride * 3), values, 3);
}
