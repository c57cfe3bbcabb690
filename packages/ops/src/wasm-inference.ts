import type { WasmKernel } from "@elapid/wasm";
import { argmaxKernel } from "./argmax/argmax.wasm.ts";
import { concatKernel, sliceKernel } from "./copy/copy.wasm.ts";
import { crossEntropyKernel } from "./cross-entropy/cross-entropy.wasm.ts";
import { elementwiseKernels } from "./elementwise/elementwise.wasm.ts";
import { embeddingKernels } from "./embedding/embedding.wasm.ts";
import { layerNormKernel } from "./layer-norm/layer-norm.wasm.ts";
import { matmulKernels } from "./matmul/matmul.wasm.ts";
import { matmulWeightsKernels } from "./matmul/matmul.weights.wasm.ts";
import type { OpsPart } from "./ops-part.ts";
import { quantiseKernel } from "./quantise/quantise.wasm.ts";
import { addRmsNormKernel, rmsNormKernel } from "./rms-norm/rms-norm.wasm.ts";

/** The WebAssembly kernels that running a model needs, those of the elementary ops included. */
export const inferenceKernels = [
  ...elementwiseKernels,
  ...matmulKernels,
  ...matmulWeightsKernels,
  sliceKernel,
  concatKernel,
  ...embeddingKernels,
  quantiseKernel,
  rmsNormKernel,
  addRmsNormKernel,
  layerNormKernel,
  crossEntropyKernel,
  argmaxKernel,
];

/** Those that only some models need. */
export const inferenceParts: Readonly<Record<OpsPart, () => Promise<readonly WasmKernel[]>>> = {
  attention: async () => (await import("./attention/attention.inference.wasm.ts")).attentionKernels,
  gelu: async () => (await import("./elementwise/gelu.wasm.ts")).geluKernels,
};
