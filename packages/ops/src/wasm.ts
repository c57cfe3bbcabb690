import { concatKernel, sliceKernel } from "./copy/copy.wasm.ts";
import { padKernel } from "./copy/pad.wasm.ts";
import { crossEntropyBackwardKernel } from "./cross-entropy/cross-entropy.backward.wasm.ts";
import { crossEntropyKernel } from "./cross-entropy/cross-entropy.wasm.ts";
import { activationBackwardKernels } from "./elementwise/activations.backward.wasm.ts";
import { elementwiseKernels } from "./elementwise/elementwise.wasm.ts";
import { embeddingBackwardKernel } from "./embedding/embedding.backward.wasm.ts";
import { embeddingKernel } from "./embedding/embedding.wasm.ts";
import { layerNormBackwardKernel } from "./layer-norm/layer-norm.backward.wasm.ts";
import { layerNormKernel } from "./layer-norm/layer-norm.wasm.ts";
import { matmulBackwardKernels } from "./matmul/matmul.backward.wasm.ts";
import { matmulKernels } from "./matmul/matmul.wasm.ts";
import { normKernel } from "./norm/norm.wasm.ts";
import { optimiserKernels } from "./optimiser/optimiser.wasm.ts";
import { rmsNormBackwardKernel } from "./rms-norm/rms-norm.backward.wasm.ts";
import { addRmsNormKernel, rmsNormKernel } from "./rms-norm/rms-norm.wasm.ts";
import { sumRowsKernel } from "./sum-rows/sum-rows.wasm.ts";

/** The WebAssembly kernels of this package and of the elementary ops, for `openWasm`. */
export const kernels = [
  ...elementwiseKernels,
  ...matmulKernels,
  sliceKernel,
  concatKernel,
  embeddingKernel,
  rmsNormKernel,
  addRmsNormKernel,
  layerNormKernel,
  crossEntropyKernel,
  ...activationBackwardKernels,
  ...matmulBackwardKernels,
  padKernel,
  sumRowsKernel,
  embeddingBackwardKernel,
  rmsNormBackwardKernel,
  layerNormBackwardKernel,
  crossEntropyBackwardKernel,
  normKernel,
  ...optimiserKernels,
];
