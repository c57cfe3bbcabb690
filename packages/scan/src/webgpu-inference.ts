import type { Kernel } from "@elapid/webgpu";
import { causalConv1dForward } from "./causal-conv1d/causal-conv1d.forward.wgsl.ts";
import { selectiveScanChunked } from "./selective-scan/selective-scan.chunked.wgsl.ts";
import { selectiveScanForward } from "./selective-scan/selective-scan.forward.wgsl.ts";
import { ssdChunkedForward } from "./ssd/ssd.chunked.wgsl.ts";
import { ssdForward } from "./ssd/ssd.forward.wgsl.ts";

/** WGSL kernels of this package that running a model needs. */
export const inferenceKernels: readonly Kernel[] = [
  causalConv1dForward,
  selectiveScanChunked,
  selectiveScanForward,
  ssdChunkedForward,
  ssdForward,
];
