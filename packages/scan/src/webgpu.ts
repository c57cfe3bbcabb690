import type { Kernel } from "@elapid/webgpu";
import { causalConv1dBackwardKernel } from "./causal-conv1d/causal-conv1d.backward.wgsl.ts";
import { causalConv1dForward } from "./causal-conv1d/causal-conv1d.forward.wgsl.ts";
import { complexLinearScanBackwardKernel } from "./linear-scan/complex-linear-scan.backward.wgsl.ts";
import { complexLinearScanForward } from "./linear-scan/complex-linear-scan.forward.wgsl.ts";
import { linearScanBackwardKernel } from "./linear-scan/linear-scan.backward.wgsl.ts";
import { linearScanForward } from "./linear-scan/linear-scan.forward.wgsl.ts";
import { scanMaxBackwardKernel } from "./linear-scan/scan-max.backward.wgsl.ts";
import { scanMaxForward } from "./linear-scan/scan-max.forward.wgsl.ts";
import { scanSumForward } from "./linear-scan/scan-sum.forward.wgsl.ts";
import { selectiveScanBackwardKernel } from "./selective-scan/selective-scan.backward.wgsl.ts";
import { selectiveScanForward } from "./selective-scan/selective-scan.forward.wgsl.ts";
import { ssdForward } from "./ssd/ssd.forward.wgsl.ts";

/** WGSL kernels of the recurrences. Of several for one op, the first that suits a call runs. */
export const kernels: readonly Kernel[] = [
  causalConv1dForward,
  causalConv1dBackwardKernel,
  selectiveScanForward,
  selectiveScanBackwardKernel,
  ssdForward,
  scanSumForward,
  scanMaxForward,
  scanMaxBackwardKernel,
  linearScanForward,
  linearScanBackwardKernel,
  complexLinearScanForward,
  complexLinearScanBackwardKernel,
];
