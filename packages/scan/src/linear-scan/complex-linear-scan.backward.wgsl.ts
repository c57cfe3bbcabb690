import { wgsl } from "@elapid/webgpu";
import type { ScanText } from "../associative-scan/scan-text.ts";
import { complexRun } from "./complex-run.wgsl.ts";

/** Gradient of complex linear recurrences, as of the real ones. The least traffic is 40 bytes an element of 8. */
export const complexLinearScanBackwardText: ScanText = {
  floats: 4,
  bytes: 16,
  run: wgsl`
    ${complexRun}
    const fromEnd = !reverse;
  `,
  start: {
    binds: ["dfinalState"],
    text: wgsl`
      fn startOf(row: u32) -> Run {
        if (hasDfinalState) { return Run(vec2f(), vec2f(dfinalState[2 * row], dfinalState[2 * row + 1])); }
        return Run(vec2f(), vec2f());
      }
    `,
  },
  element: {
    binds: ["a", "dh"],
    text: wgsl`
      fn given(at: u32) -> vec2f {
        if (hasDh) { return vec2f(dh[2 * at], dh[2 * at + 1]); }
        return vec2f();
      }
      fn elementOf(row: u32, at: u32, step: u32) -> Run {
        let factor = vec2f(a[2 * at], -a[2 * at + 1]);
        return Run(factor, select(times(factor, given(at)), given(at), exclusive));
      }
    `,
  },
  put: {
    binds: ["h", "initialState", "da", "db"],
    text: wgsl`
      fn stateBefore(row: u32, at: u32, step: u32) -> vec2f {
        if (exclusive) { return vec2f(h[2 * at], h[2 * at + 1]); }
        if (step + 1u < dims.time) {
          let past = select(at + dims.inner, at - dims.inner, fromEnd);
          return vec2f(h[2 * past], h[2 * past + 1]);
        }
        if (hasInitialState) { return vec2f(initialState[2 * row], initialState[2 * row + 1]); }
        return vec2f();
      }
      fn put(row: u32, at: u32, step: u32, before: Run, after: Run) {
        let g = before.added + select(given(at), vec2f(), exclusive);
        let slope = times(g, conjugate(stateBefore(row, at, step)));
        db[2 * at] = g.x;
        db[2 * at + 1] = g.y;
        da[2 * at] = slope.x;
        da[2 * at + 1] = slope.y;
      }
    `,
  },
  finish: {
    binds: ["dinitialState"],
    text: wgsl`
      fn finish(row: u32, all: Run) {
        dinitialState[2 * row] = all.added.x;
        dinitialState[2 * row + 1] = all.added.y;
      }
    `,
  },
};
