import { causalConv1dForward } from "./causal-conv1d/causal-conv1d.wasm.ts";
import { selectiveScanForward } from "./selective-scan/selective-scan.wasm.ts";

/** The WebAssembly kernels of this package, for `openWasm`. */
export const kernels = [causalConv1dForward, selectiveScanForward];
