import { wgsl, type Kernel } from "@elapid/webgpu";
import { isNan } from "../linear-scan/is-nan.wgsl.ts";
import { kernelsOf, type ScanKernelOptions } from "./scan-kernels.ts";
import { scanMax } from "./scan-max.ts";
import type { ScanText } from "./scan-text.ts";

/**
 * Gradient of running maxima, from the end: a sum that begins anew after every record. A run of steps is what flows into
 * the record before it, and whether there was one among the steps: then nothing from behind them does.
 */
const text: ScanText = {
  floats: 2,
  bytes: 8,
  run: wgsl`
    struct Run { sum: f32, record: f32 }
    const FLOATS = 2u;
    const fromEnd = !reverse;
    fn join(first: Run, second: Run) -> Run {
      if (second.record != 0.0) { return second; }
      return Run(first.sum + second.sum, first.record);
    }
    fn floatsOf(run: Run) -> array<f32, FLOATS> { return array<f32, FLOATS>(run.sum, run.record); }
    fn runFrom(floats: array<f32, FLOATS>) -> Run { return Run(floats[0], floats[1]); }
  `,
  start: {
    binds: ["dfinalState"],
    text: wgsl`
      fn startOf(row: u32) -> Run {
        if (hasDfinalState) { return Run(dfinalState[row], 0.0); }
        return Run(0.0, 0.0);
      }
    `,
  },
  element: {
    binds: ["x", "y", "initialState", "dy"],
    text: wgsl`
      ${isNan}
      fn given(at: u32) -> f32 {
        if (hasDy) { return dy[at]; }
        return 0.0;
      }
      fn isRecord(row: u32, at: u32, step: u32) -> bool {
        let value = x[at];
        if (isNan(value)) { return true; }
        if (exclusive) { return value >= y[at]; }
        if (step + 1u < dims.time) { return value >= y[select(at + dims.inner, at - dims.inner, fromEnd)]; }
        return !hasInitialState || value >= initialState[row];
      }
      fn elementOf(row: u32, at: u32, step: u32) -> Run {
        if (!isRecord(row, at, step)) { return Run(given(at), 0.0); }
        if (exclusive) { return Run(given(at), 1.0); }
        return Run(0.0, 1.0);
      }
    `,
  },
  put: {
    binds: ["dx"],
    text: wgsl`
      fn put(row: u32, at: u32, step: u32, before: Run, after: Run) {
        var sum = before.sum;
        if (!exclusive) { sum += given(at); }
        dx[at] = select(0.0, sum, isRecord(row, at, step));
      }
    `,
  },
  finish: {
    binds: ["dinitialState"],
    text: wgsl`
      fn finish(row: u32, all: Run) { dinitialState[row] = all.sum; }
    `,
  },
};

export function scanMaxBackwardKernels(options: ScanKernelOptions = {}): Kernel[] {
  return kernelsOf(scanMax.backward!, text, options);
}
