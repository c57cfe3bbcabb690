import { selectiveScanChunked } from "./selective-scan.chunked.wgsl.ts";
import { selectiveScanForward } from "./selective-scan.forward.wgsl.ts";
import { selectiveScanStep } from "./selective-scan.step.wgsl.ts";

/** Forward kernels. Of several that suit a call, the first runs. */
export const selectiveScanKernels = [selectiveScanStep, selectiveScanChunked, selectiveScanForward];
