import { defineKernel, type Kernel, type KernelDefinition } from "@elapid/webgpu";
import type { AnyOp, Op } from "@elapid/tensor";
import { lookBackPasses, wordsLength } from "./look-back.wgsl.ts";
import { reduceThenScanPasses, totalsLength } from "./reduce-then-scan.wgsl.ts";
import { scanAlgorithm, type ScanAlgorithm } from "./scan-algorithm.ts";
import type { ScanSizes } from "./scan-passes.ts";
import type { ScanText } from "./scan-text.ts";
import { serialPass } from "./serial.wgsl.ts";

export interface ScanKernelOptions {
  /** The only algorithm, for all sizes, to compare algorithms with each other. Default: `scanAlgorithm` chooses. */
  readonly algorithm?: ScanAlgorithm;
}

/** All that kernels of a scan know of its op. */
type ScanSizedOp = Op<{ readonly x: "outer time inner" }, Record<never, string>, Record<never, boolean>>;

/** The WGSL kernels of a scan, one for each algorithm. */
export function kernelsOf(op: AnyOp, scan: ScanText, { algorithm: only }: ScanKernelOptions = {}): Kernel[] {
  const definitions: Record<ScanAlgorithm, KernelDefinition<ScanSizes, unknown>> = {
    serial: serialPass(scan),
    "look-back": {
      atomics: { words: (dims) => wordsLength(scan, dims) },
      passes: lookBackPasses(scan),
    },
    "reduce-then-scan": {
      scratch: { totals: (dims) => totalsLength(scan, dims) },
      passes: reduceThenScanPasses(scan),
    },
  };
  return (Object.keys(definitions) as ScanAlgorithm[])
    .filter((algorithm) => only === undefined || algorithm === only)
    .map((algorithm) =>
      defineKernel(op as unknown as ScanSizedOp, {
        ...definitions[algorithm],
        algorithm,
        along: "outer",
        suits: (dims, { features }) => only !== undefined || scanAlgorithm(dims, features) === algorithm,
      }),
    );
}
