import { defineKernel, wgsl } from "@elapid/webgpu";
import { isNan } from "./is-nan.wgsl.ts";
import { scanMaxBackward } from "./scan-max.backward.ts";
import { scanRows } from "./scan-rows.wgsl.ts";

/**
 * Gradient of running maxima, a workgroup a row: sums that begin anew after every record. Moves 28 bytes an element, 16
 * where the second loads come from cache, the least possible.
 */
export const scanMaxBackwardKernel = defineKernel(scanMaxBackward, {
  along: "rows",
  workgroups: ({ rows }) => rows,
  source: () => wgsl`
    ${scanRows}
    ${isNan}
    /** What flows into the record to come, and whether one was among the steps: then nothing from before them does. */
    struct Part { sum: f32, record: u32 }
    const fromEnd = !reverse;

    fn combine(first: Part, second: Part) -> Part {
      if (second.record != 0u) { return second; }
      return Part(first.sum + second.sum, first.record);
    }
    fn startOf(row: u32) -> Part { return Part(0.0, 0u); }
    fn isRecord(at: u32) -> bool { return x[at] == y[at] || isNan(x[at]); }
    fn elementOf(at: u32) -> Part {
      if (isRecord(at)) { return Part(0.0, 1u); }
      return Part(dy[at], 0u);
    }
    fn put(row: u32, at: u32, step: u32, before: Part, after: Part) {
      dx[at] = 0.0;
      if (isRecord(at)) { dx[at] = before.sum + dy[at]; }
    }
    fn finish(row: u32, all: Part) {}
  `,
});
