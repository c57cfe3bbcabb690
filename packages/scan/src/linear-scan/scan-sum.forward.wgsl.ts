import { defineKernel, wgsl } from "@elapid/webgpu";
import { scanRows } from "./scan-rows.wgsl.ts";
import { scanSumOp } from "./scan-sum.ts";

/** Running sums, a workgroup a row. Moves 12 bytes an element, 8 where the second load comes from cache, the least possible. */
export const scanSumForward = defineKernel(scanSumOp, {
  along: "rows",
  workgroups: ({ rows }) => rows,
  source: () => wgsl`
    ${scanRows}
    alias Part = f32;
    const fromEnd = reverse;

    fn combine(first: Part, second: Part) -> Part { return first + second; }
    fn startOf(row: u32) -> Part { return 0.0; }
    fn elementOf(at: u32) -> Part { return x[at]; }
    fn put(row: u32, at: u32, step: u32, before: Part, after: Part) { y[at] = after; }
    fn finish(row: u32, all: Part) {}
  `,
});
