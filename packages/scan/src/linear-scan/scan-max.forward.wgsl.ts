import { defineKernel, wgsl } from "@elapid/webgpu";
import { isNan } from "./is-nan.wgsl.ts";
import { scanMaxOp } from "./scan-max.ts";
import { scanRows } from "./scan-rows.wgsl.ts";

/**
 * Running maxima, a workgroup a row. `max` may drop a NaN, so those are found by their bits and kept. Moves 12 bytes an
 * element, 8 where the second load comes from cache, the least possible.
 */
export const scanMaxForward = defineKernel(scanMaxOp, {
  along: "rows",
  workgroups: ({ rows }) => rows,
  source: () => wgsl`
    ${scanRows}
    ${isNan}
    alias Part = f32;
    const fromEnd = reverse;

    fn combine(first: Part, second: Part) -> Part {
      if (isNan(first)) { return first; }
      if (isNan(second)) { return second; }
      return max(first, second);
    }
    fn startOf(row: u32) -> Part {
      var bits = 0xff800000u; // -Infinity, which WGSL has no literal for
      return bitcast<f32>(bits);
    }
    fn elementOf(at: u32) -> Part { return x[at]; }
    fn put(row: u32, at: u32, step: u32, before: Part, after: Part) { y[at] = after; }
    fn finish(row: u32, all: Part) {}
  `,
});
