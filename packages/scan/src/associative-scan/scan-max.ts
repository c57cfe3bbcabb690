import { defineScan, type Scan } from "./define-scan.ts";

/**
 * Running maximum: `y[t]` is the greatest of `x[0]` to `x[t]`, and NaN from a NaN on. The gradient goes to the latest of
 * equal elements.
 *
 * ```ts
 * await scanMax(device.tensor(Float32Array.of(1, 3, 2), [3])).data(); // 1 3 3
 * ```
 *
 * @throws TypeError or RangeError if the axis or the initial state does not fit `x`.
 */
export const scanMax: Scan = defineScan({
  name: "max",
  identity: [-Infinity],
  combine: ([a], [b]) => [Math.max(a, b)],
  pull: ([a], [b], grad) => (b >= a || Number.isNaN(b) ? { first: [0], second: grad } : { first: grad, second: [0] }),
  // max may drop a NaN, so those are found by their bits
  wgsl: `
fn isNan(value: f32) -> bool { return (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u; }
fn combine(first: Element, second: Element) -> Element {
  if (isNan(first)) { return first; }
  if (isNan(second)) { return second; }
  return max(first, second);
}`,
});
