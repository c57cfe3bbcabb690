import { defineKernel, wgsl } from "@elapid/webgpu";
import { complexLinearScanBackward } from "./complex-linear-scan.backward.ts";
import { complex } from "./complex.wgsl.ts";
import { scanRows } from "./scan-rows.wgsl.ts";

/**
 * Gradient of complex linear recurrences, a workgroup a row, as of the real ones. Moves 56 bytes an element of 8, 40
 * where the second loads come from cache, the least possible.
 */
export const complexLinearScanBackwardKernel = defineKernel(complexLinearScanBackward, {
  along: "rows",
  workgroups: ({ rows }) => rows,
  source: () => wgsl`
    ${scanRows}
    ${complex}
    /** Takes a gradient g to factor · g + added. */
    struct Part { factor: vec2f, added: vec2f }
    const fromEnd = !reverse;

    fn combine(first: Part, second: Part) -> Part {
      return Part(times(second.factor, first.factor), times(second.factor, first.added) + second.added);
    }
    fn startOf(row: u32) -> Part {
      if (hasDfinalState) { return Part(vec2f(), vec2f(dfinalState[2 * row], dfinalState[2 * row + 1])); }
      return Part(vec2f(), vec2f());
    }
    fn given(at: u32) -> vec2f {
      if (hasDh) { return vec2f(dh[2 * at], dh[2 * at + 1]); }
      return vec2f();
    }
    fn elementOf(at: u32) -> Part {
      let factor = vec2f(a[2 * at], -a[2 * at + 1]);
      return Part(factor, times(factor, given(at)));
    }
    fn stateBefore(row: u32, at: u32, step: u32) -> vec2f {
      if (step + 1u < dims.time) {
        let past = select(at + 1u, at - 1u, fromEnd);
        return vec2f(h[2 * past], h[2 * past + 1]);
      }
      if (hasInitialState) { return vec2f(initialState[2 * row], initialState[2 * row + 1]); }
      return vec2f();
    }
    fn put(row: u32, at: u32, step: u32, before: Part, after: Part) {
      let g = before.added + given(at);
      let slope = times(g, conjugate(stateBefore(row, at, step)));
      db[2 * at] = g.x;
      db[2 * at + 1] = g.y;
      da[2 * at] = slope.x;
      da[2 * at + 1] = slope.y;
    }
    fn finish(row: u32, all: Part) {
      dinitialState[2 * row] = all.added.x;
      dinitialState[2 * row + 1] = all.added.y;
    }
  `,
});
