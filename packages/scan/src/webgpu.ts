import type { Kernel } from "@elapid/webgpu";
import { scanKernels } from "./associative-scan/associative-scan.wgsl.ts";
import { scanMaxBackwardKernels } from "./associative-scan/scan-max.backward.wgsl.ts";
import { scanMax } from "./associative-scan/scan-max.ts";
import { scanProduct } from "./associative-scan/scan-product.ts";
import { scanSum } from "./associative-scan/scan-sum.ts";
import { causalConv1dBackwardKernel } from "./causal-conv1d/causal-conv1d.backward.wgsl.ts";
import { causalConv1dForward } from "./causal-conv1d/causal-conv1d.forward.wgsl.ts";
import { linearScanKernels } from "./linear-scan/linear-scan.wgsl.ts";
import { rollKernel } from "./causal-conv1d/roll.wgsl.ts";
import { mamba3BackwardKernel } from "./mamba3/mamba3.backward.wgsl.ts";
import { mamba3Kernels } from "./mamba3/mamba3.wgsl.ts";
import { gruBackwardKernel } from "./gru/gru.backward.wgsl.ts";
import { gruForward } from "./gru/gru.forward.wgsl.ts";
import { rnnBackwardKernels } from "./rnn/rnn.backward.wgsl.ts";
import { rnnForward } from "./rnn/rnn.forward.wgsl.ts";
import { mamba3StepsBackwardKernel } from "./mamba3-steps/mamba3-steps.backward.wgsl.ts";
import {
  complexSelectiveScanBackwardKernel,
  complexSelectiveScanChunked,
  complexSelectiveScanForward,
} from "./selective-scan/complex-selective-scan.wgsl.ts";
import { selectiveScanBackwardKernel } from "./selective-scan/selective-scan.backward.wgsl.ts";
import { selectiveScanKernels } from "./selective-scan/selective-scan.wgsl.ts";
import { ssdKernels } from "./ssd/ssd.wgsl.ts";
import { ssdBackwardKernel } from "./ssd/ssd.backward.wgsl.ts";
import { ltiKernels } from "./lti/lti.webgpu.ts";

export type { ScanAlgorithm } from "./associative-scan/scan-algorithm.ts";
export { scanKernels } from "./associative-scan/associative-scan.wgsl.ts";
export type { ScanKernelOptions } from "./associative-scan/scan-kernels.ts";

/** WGSL kernels of the recurrences. Of several for one op, the first that suits a call runs. */
export const kernels: readonly Kernel[] = [
  causalConv1dForward,
  ...selectiveScanKernels,
  ...ssdKernels,
  ...mamba3Kernels,
  causalConv1dBackwardKernel,
  rollKernel,
  selectiveScanBackwardKernel,
  mamba3BackwardKernel,
  mamba3StepsBackwardKernel,
  complexSelectiveScanChunked,
  complexSelectiveScanForward,
  complexSelectiveScanBackwardKernel,
  ssdBackwardKernel,
  ...[scanSum, scanMax, scanProduct].flatMap((scan) => scanKernels(scan)),
  ...scanMaxBackwardKernels(),
  ...linearScanKernels(),
  ...ltiKernels,
  rnnForward,
  ...rnnBackwardKernels,
  gruForward,
  gruBackwardKernel,
];
