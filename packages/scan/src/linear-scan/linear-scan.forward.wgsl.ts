import { defineKernel, wgsl } from "@elapid/webgpu";
import { linearScan } from "./linear-scan.ts";
import { scanRows } from "./scan-rows.wgsl.ts";

/**
 * Linear recurrences, a workgroup a row. Steps after each other are one step with the product of their factors; where
 * that overflows within a tile, the state is NaN or infinite. Moves 20 bytes an element, 12 where the second loads come
 * from cache, the least possible.
 */
export const linearScanForward = defineKernel(linearScan, {
  along: "rows",
  workgroups: ({ rows }) => rows,
  source: () => wgsl`
    ${scanRows}
    /** Takes a state h to factor · h + added. */
    struct Part { factor: f32, added: f32 }
    const fromEnd = reverse;

    fn combine(first: Part, second: Part) -> Part {
      return Part(second.factor * first.factor, fma(second.factor, first.added, second.added));
    }
    fn startOf(row: u32) -> Part {
      if (hasInitialState) { return Part(0.0, initialState[row]); }
      return Part(0.0, 0.0);
    }
    fn elementOf(at: u32) -> Part { return Part(a[at], b[at]); }
    fn put(row: u32, at: u32, step: u32, before: Part, after: Part) { h[at] = after.added; }
    fn finish(row: u32, all: Part) { finalState[row] = all.added; }
  `,
});
