import { causalConv1dForward } from "./causal-conv1d/causal-conv1d.wasm.ts";
import { mamba3Forward } from "./mamba3/mamba3.wasm.ts";
import { mamba3StepsKernel } from "./mamba3-steps/mamba3-steps.wasm.ts";
import { selectiveScanForward } from "./selective-scan/selective-scan.wasm.ts";
import { ssdChunkedForward } from "./ssd/ssd.chunked.wasm.ts";
import { ssdForward } from "./ssd/ssd.wasm.ts";

/** The WebAssembly kernels of this package that running a model needs. */
export const inferenceKernels = [
  causalConv1dForward,
  selectiveScanForward,
  ssdChunkedForward,
  ssdForward,
  mamba3Forward,
  mamba3StepsKernel,
];
