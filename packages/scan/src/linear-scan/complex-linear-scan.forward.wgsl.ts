import { wgsl } from "@elapid/webgpu";
import type { ScanText } from "../associative-scan/scan-text.ts";
import { complexRun } from "./complex-run.wgsl.ts";

/** Complex linear recurrences, as the real ones. The least traffic is 24 bytes an element of 8. */
export const complexLinearScanText: ScanText = {
  floats: 4,
  bytes: 16,
  run: wgsl`
    ${complexRun}
    const fromEnd = reverse;
  `,
  start: {
    binds: ["initialState"],
    text: wgsl`
      fn startOf(row: u32) -> Run {
        if (hasInitialState) { return Run(vec2f(), vec2f(initialState[2 * row], initialState[2 * row + 1])); }
        return Run(vec2f(), vec2f());
      }
    `,
  },
  element: {
    binds: ["a", "b"],
    text: wgsl`
      fn elementOf(row: u32, at: u32, step: u32) -> Run {
        return Run(vec2f(a[2 * at], a[2 * at + 1]), vec2f(b[2 * at], b[2 * at + 1]));
      }
    `,
  },
  put: {
    binds: ["h"],
    text: wgsl`
      fn put(row: u32, at: u32, step: u32, before: Run, after: Run) {
        let state = select(after.added, before.added, exclusive);
        h[2 * at] = state.x;
        h[2 * at + 1] = state.y;
      }
    `,
  },
  finish: {
    binds: ["finalState"],
    text: wgsl`
      fn finish(row: u32, all: Run) {
        finalState[2 * row] = all.added.x;
        finalState[2 * row + 1] = all.added.y;
      }
    `,
  },
};
