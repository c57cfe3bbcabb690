import type { Kernel } from "@elapid/webgpu";
import { concatKernel } from "./copy/concat.wgsl.ts";
import { padKernel } from "./copy/pad.wgsl.ts";
import { sliceKernel } from "./copy/slice.wgsl.ts";
import { crossEntropyBackwardRows } from "./cross-entropy/cross-entropy.backward.wgsl.ts";
import { crossEntropyRows } from "./cross-entropy/cross-entropy.rows.wgsl.ts";
import { siluBackwardKernel, softplusBackwardKernel } from "./elementwise/activations.backward.wgsl.ts";
import { addKernel, mulKernel } from "./elementwise/binary.wgsl.ts";
import { expKernel, negKernel, siluKernel, softplusKernel } from "./elementwise/unary.wgsl.ts";
import { embeddingBackwardChained } from "./embedding/embedding.backward.wgsl.ts";
import { embeddingRows } from "./embedding/embedding.rows.wgsl.ts";
import { layerNormBackwardRows } from "./layer-norm/layer-norm.backward.wgsl.ts";
import { layerNormRows } from "./layer-norm/layer-norm.rows.wgsl.ts";
import { matmulInputGradientTiled, matmulWeightGradientTiled } from "./matmul/matmul.backward.wgsl.ts";
import { matmulFewRows } from "./matmul/matmul.few-rows.wgsl.ts";
import { matmulTiled } from "./matmul/matmul.tiled.wgsl.ts";
import { normKernel } from "./norm/norm.wgsl.ts";
import { adamwKernel, emaKernel, sgdKernel } from "./optimiser/optimiser.wgsl.ts";
import { rmsNormBackwardRows } from "./rms-norm/rms-norm.backward.wgsl.ts";
import { addRmsNormRows, rmsNormRows } from "./rms-norm/rms-norm.rows.wgsl.ts";
import { sumRowsKernel } from "./sum-rows/sum-rows.wgsl.ts";

/** WGSL kernels of the dense and elementary ops. Of several for one op, the first that suits a call runs. */
export const kernels: readonly Kernel[] = [
  matmulFewRows,
  matmulTiled,
  embeddingRows,
  rmsNormRows,
  addRmsNormRows,
  layerNormRows,
  crossEntropyRows,
  expKernel,
  negKernel,
  siluKernel,
  softplusKernel,
  addKernel,
  mulKernel,
  sliceKernel,
  concatKernel,
  padKernel,
  sumRowsKernel,
  siluBackwardKernel,
  softplusBackwardKernel,
  crossEntropyBackwardRows,
  matmulInputGradientTiled,
  matmulWeightGradientTiled,
  embeddingBackwardChained,
  rmsNormBackwardRows,
  layerNormBackwardRows,
  normKernel,
  adamwKernel,
  sgdKernel,
  emaKernel,
];
