import { wgsl, type Wgsl } from "../wgsl.ts";

/**
 * `sumOf(value, lane)` and `maxOf(value, lane)` over a workgroup whose size is a power of two. All invocations call
 * them, together, and all get the result. Halves are folded onto each other in a fixed order.
 */
export function reduce(workgroup: number): Wgsl {
  return wgsl`
var<workgroup> reduceSlots: array<f32, ${workgroup}>;

fn sumOf(value: f32, lane: u32) -> f32 {
  reduceSlots[lane] = value;
  for (var half = ${workgroup / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { reduceSlots[lane] += reduceSlots[lane + half]; }
  }
  workgroupBarrier();
  let total = reduceSlots[0];
  workgroupBarrier();
  return total;
}

fn maxOf(value: f32, lane: u32) -> f32 {
  reduceSlots[lane] = value;
  for (var half = ${workgroup / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { reduceSlots[lane] = max(reduceSlots[lane], reduceSlots[lane + half]); }
  }
  workgroupBarrier();
  let top = reduceSlots[0];
  workgroupBarrier();
  return top;
}`;
}
