import { weightDTypes } from "@elapid/tensor";
import type { Kernel } from "@elapid/webgpu";
import { argmaxRows } from "./argmax/argmax.rows.wgsl.ts";
import { concatKernel } from "./copy/concat.wgsl.ts";
import { sliceKernel } from "./copy/slice.wgsl.ts";
import { crossEntropyRows } from "./cross-entropy/cross-entropy.rows.wgsl.ts";
import { addKernel, mulKernel } from "./elementwise/binary.wgsl.ts";
import { expKernel, negKernel, siluKernel } from "./elementwise/unary.wgsl.ts";
import { embeddingRows } from "./embedding/embedding.rows.wgsl.ts";
import { layerNormRows } from "./layer-norm/layer-norm.rows.wgsl.ts";
import { matmulFewRows } from "./matmul/matmul.few-rows.wgsl.ts";
import { matmulTiled } from "./matmul/matmul.tiled.wgsl.ts";
import type { OpsPart } from "./ops-part.ts";
import { addRmsNormRows, rmsNormRows } from "./rms-norm/rms-norm.rows.wgsl.ts";

/** WGSL kernels that running a model needs. Of several for one op, the first that suits a call runs. */
export const inferenceKernels: readonly Kernel[] = [
  ...weightDTypes.map(matmulFewRows),
  ...weightDTypes.map(matmulTiled),
  ...weightDTypes.map(embeddingRows),
  rmsNormRows,
  addRmsNormRows,
  layerNormRows,
  crossEntropyRows,
  argmaxRows,
  expKernel,
  negKernel,
  siluKernel,
  addKernel,
  mulKernel,
  sliceKernel,
  concatKernel,
];

/** Those that only some models need. */
export const inferenceParts: Readonly<Record<OpsPart, () => Promise<readonly Kernel[]>>> = {
  attention: async () => (await import("./attention/attention.inference.wgsl.ts")).attentionKernels,
  gelu: async () => (await import("./elementwise/gelu.wgsl.ts")).geluKernels,
};
