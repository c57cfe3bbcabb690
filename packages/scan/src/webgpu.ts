import type { Kernel } from "@elapid/webgpu";
import { causalConv1dForward } from "./causal-conv1d/causal-conv1d.forward.wgsl.ts";
import { selectiveScanForward } from "./selective-scan/selective-scan.forward.wgsl.ts";

/** WGSL kernels of the recurrences. Of several for one op, the first that suits a call runs. */
export const kernels: readonly Kernel[] = [causalConv1dForward, selectiveScanForward];
