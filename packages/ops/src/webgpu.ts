import { weightDTypes } from "@elapid/tensor";
import type { Kernel } from "@elapid/webgpu";
import { attentionBackwardKernel } from "./attention/attention.backward.wgsl.ts";
import { attentionKernels } from "./attention/attention.inference.wgsl.ts";
import { padKernel } from "./copy/pad.wgsl.ts";
import { crossEntropyBackwardRows } from "./cross-entropy/cross-entropy.backward.wgsl.ts";
import {
  geluBackwardKernel,
  sigmoidBackwardKernel,
  siluBackwardKernel,
  softplusBackwardKernel,
} from "./elementwise/activations.backward.wgsl.ts";
import { geluKernels } from "./elementwise/gelu.wgsl.ts";
import { softplusKernel } from "./elementwise/softplus.wgsl.ts";
import { embeddingBackwardChained } from "./embedding/embedding.backward.wgsl.ts";
import { layerNormBackwardRows } from "./layer-norm/layer-norm.backward.wgsl.ts";
import { matmulInputGradientTiled, matmulWeightGradientTiled } from "./matmul/matmul.backward.wgsl.ts";
import { normKernel } from "./norm/norm.wgsl.ts";
import { adamwKernel, emaKernel, lionKernel, sgdKernel } from "./optimiser/optimiser.wgsl.ts";
import { repeatKernel, sumAxisKernel } from "./repeat/repeat.wgsl.ts";
import { rmsNormBackwardRows } from "./rms-norm/rms-norm.backward.wgsl.ts";
import { sumRowsKernel } from "./sum-rows/sum-rows.wgsl.ts";
import { inferenceKernels } from "./webgpu-inference.ts";

/** WGSL kernels of the dense and elementary ops. Of several for one op, the first that suits a call runs. */
export const kernels: readonly Kernel[] = [
  ...inferenceKernels,
  ...geluKernels,
  softplusKernel,
  padKernel,
  sumRowsKernel,
  repeatKernel,
  sumAxisKernel,
  siluBackwardKernel,
  softplusBackwardKernel,
  sigmoidBackwardKernel,
  geluBackwardKernel,
  crossEntropyBackwardRows,
  ...weightDTypes.map(matmulInputGradientTiled),
  matmulWeightGradientTiled,
  embeddingBackwardChained,
  rmsNormBackwardRows,
  layerNormBackwardRows,
  ...attentionKernels,
  attentionBackwardKernel,
  normKernel,
  adamwKernel,
  sgdKernel,
  lionKernel,
  emaKernel,
];
