import type { Kernel } from "@elapid/webgpu";
import { discretizeDiagonalBackwardKernel, discretizeDiagonalKernel } from "./discretize-diagonal.wgsl.ts";
import { fftConvBackwardKernel } from "./fft-conv.backward.wgsl.ts";
import { fftConvKernel } from "./fft-conv.wgsl.ts";
import { ltiScanBackwardKernel } from "./lti-scan.backward.wgsl.ts";
import { ltiScanKernel } from "./lti-scan.wgsl.ts";
import { s4dKernelBackwardKernel, ssmKernelDiagBackwardKernel } from "./ssm-kernel.backward.wgsl.ts";
import { s4dKernelKernel, ssmKernelDiagKernel } from "./ssm-kernel.wgsl.ts";

/** The WGSL kernels of linear time-invariant systems that running a model needs. */
export const ltiInferenceKernels: readonly Kernel[] = [s4dKernelKernel, ltiScanKernel, fftConvKernel];

/** The WGSL kernels of linear time-invariant systems. */
export const ltiKernels: readonly Kernel[] = [
  ...ltiInferenceKernels,
  discretizeDiagonalKernel,
  discretizeDiagonalBackwardKernel,
  ssmKernelDiagKernel,
  ssmKernelDiagBackwardKernel,
  s4dKernelBackwardKernel,
  ltiScanBackwardKernel,
  fftConvBackwardKernel,
];
