import type { Kernel } from "@elapid/webgpu";
import { discretizeDiagonalBackwardKernel, discretizeDiagonalKernel } from "./discretize-diagonal.wgsl.ts";
import { fftConvBackwardKernel } from "./fft-conv.backward.wgsl.ts";
import { fftConvKernel } from "./fft-conv.wgsl.ts";
import { ltiScanBackwardKernel } from "./lti-scan.backward.wgsl.ts";
import { ltiScanKernel } from "./lti-scan.wgsl.ts";
import { s4dKernelBackwardKernel, ssmKernelDiagBackwardKernel } from "./ssm-kernel.backward.wgsl.ts";
import { s4dKernelKernel, ssmKernelDiagKernel } from "./ssm-kernel.wgsl.ts";

/** The WGSL kernels of linear time-invariant systems. */
export const ltiKernels: readonly Kernel[] = [
  discretizeDiagonalKernel,
  discretizeDiagonalBackwardKernel,
  ssmKernelDiagKernel,
  ssmKernelDiagBackwardKernel,
  s4dKernelKernel,
  s4dKernelBackwardKernel,
  ltiScanKernel,
  ltiScanBackwardKernel,
  fftConvKernel,
  fftConvBackwardKernel,
];
