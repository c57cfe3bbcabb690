import type { Kernel } from "@elapid/webgpu";
import { causalConv1dBackwardKernel } from "./causal-conv1d/causal-conv1d.backward.wgsl.ts";
import { rollKernel } from "./causal-conv1d/roll.wgsl.ts";
import { complexLinearScanBackwardKernel } from "./linear-scan/complex-linear-scan.backward.wgsl.ts";
import { complexLinearScanForward } from "./linear-scan/complex-linear-scan.forward.wgsl.ts";
import { linearScanBackwardKernel } from "./linear-scan/linear-scan.backward.wgsl.ts";
import { linearScanForward } from "./linear-scan/linear-scan.forward.wgsl.ts";
import { mamba3ForwardKernel } from "./mamba3/mamba3.forward.wgsl.ts";
import { mamba3StepsBackwardKernel } from "./mamba3-steps/mamba3-steps.backward.wgsl.ts";
import { mamba3StepsKernel } from "./mamba3-steps/mamba3-steps.wgsl.ts";
import { scanMaxBackwardKernel } from "./linear-scan/scan-max.backward.wgsl.ts";
import { scanMaxForward } from "./linear-scan/scan-max.forward.wgsl.ts";
import { scanSumForward } from "./linear-scan/scan-sum.forward.wgsl.ts";
import {
  complexSelectiveScanBackwardKernel,
  complexSelectiveScanChunked,
  complexSelectiveScanForward,
} from "./selective-scan/complex-selective-scan.wgsl.ts";
import { selectiveScanBackwardKernel } from "./selective-scan/selective-scan.backward.wgsl.ts";
import { ssdBackwardKernel } from "./ssd/ssd.backward.wgsl.ts";
import { ltiKernels } from "./lti/lti.webgpu.ts";
import { inferenceKernels } from "./webgpu-inference.ts";

/** WGSL kernels of the recurrences. Of several for one op, the first that suits a call runs. */
export const kernels: readonly Kernel[] = [
  ...inferenceKernels,
  causalConv1dBackwardKernel,
  rollKernel,
  selectiveScanBackwardKernel,
  mamba3ForwardKernel,
  mamba3StepsKernel,
  mamba3StepsBackwardKernel,
  complexSelectiveScanChunked,
  complexSelectiveScanForward,
  complexSelectiveScanBackwardKernel,
  ssdBackwardKernel,
  scanSumForward,
  scanMaxForward,
  scanMaxBackwardKernel,
  linearScanForward,
  linearScanBackwardKernel,
  complexLinearScanForward,
  complexLinearScanBackwardKernel,
  ...ltiKernels,
];
