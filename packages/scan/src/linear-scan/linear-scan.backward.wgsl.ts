import { wgsl } from "@elapid/webgpu";
import type { ScanText } from "../associative-scan/scan-text.ts";
import { linearRun } from "./linear-run.wgsl.ts";

/**
 * Gradient of linear recurrences, from the end: what reaches the state before a step is linear in what reaches the state
 * after it. The least traffic is 20 bytes an element.
 */
export const linearScanBackwardText: ScanText = {
  floats: 2,
  bytes: 8,
  run: wgsl`
    ${linearRun}
    const fromEnd = !reverse;
  `,
  start: {
    binds: ["dfinalState"],
    text: wgsl`
      fn startOf(row: u32) -> Run {
        if (hasDfinalState) { return Run(0.0, dfinalState[row]); }
        return Run(0.0, 0.0);
      }
    `,
  },
  element: {
    binds: ["a", "dh"],
    text: wgsl`
      fn given(at: u32) -> f32 {
        if (hasDh) { return dh[at]; }
        return 0.0;
      }
      fn elementOf(row: u32, at: u32, step: u32) -> Run {
        return Run(a[at], select(a[at] * given(at), given(at), exclusive));
      }
    `,
  },
  put: {
    binds: ["h", "initialState", "da", "db"],
    text: wgsl`
      fn stateBefore(row: u32, at: u32, step: u32) -> f32 {
        if (exclusive) { return h[at]; }
        if (step + 1u < dims.time) { return h[select(at + dims.inner, at - dims.inner, fromEnd)]; }
        if (hasInitialState) { return initialState[row]; }
        return 0.0;
      }
      fn put(row: u32, at: u32, step: u32, before: Run, after: Run) {
        let g = before.added + select(given(at), 0.0, exclusive);
        db[at] = g;
        da[at] = g * stateBefore(row, at, step);
      }
    `,
  },
  finish: {
    binds: ["dinitialState"],
    text: wgsl`
      fn finish(row: u32, all: Run) { dinitialState[row] = all.added; }
    `,
  },
};
