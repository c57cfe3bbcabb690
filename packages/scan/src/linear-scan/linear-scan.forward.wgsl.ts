import { wgsl } from "@elapid/webgpu";
import type { ScanText } from "../associative-scan/scan-text.ts";
import { linearRun } from "./linear-run.wgsl.ts";

/**
 * Linear recurrences: steps after each other are one step with the product of their factors. Where that overflows within a
 * tile, the state is NaN or infinite. The least traffic is 12 bytes an element.
 */
export const linearScanText: ScanText = {
  floats: 2,
  bytes: 8,
  run: wgsl`
    ${linearRun}
    const fromEnd = reverse;
  `,
  start: {
    binds: ["initialState"],
    text: wgsl`
      fn startOf(row: u32) -> Run {
        if (hasInitialState) { return Run(0.0, initialState[row]); }
        return Run(0.0, 0.0);
      }
    `,
  },
  element: {
    binds: ["a", "b"],
    text: wgsl`
      fn elementOf(row: u32, at: u32, step: u32) -> Run { return Run(a[at], b[at]); }
    `,
  },
  put: {
    binds: ["h"],
    text: wgsl`
      fn put(row: u32, at: u32, step: u32, before: Run, after: Run) { h[at] = select(after.added, before.added, exclusive); }
    `,
  },
  finish: {
    binds: ["finalState"],
    text: wgsl`
      fn finish(row: u32, all: Run) { finalState[row] = all.added; }
    `,
  },
};
