import { padKernel } from "./copy/pad.wasm.ts";
import { attentionBackwardKernel } from "./attention/attention.wasm.ts";
import { attentionKernels } from "./attention/attention.inference.wasm.ts";
import { crossEntropyBackwardKernel } from "./cross-entropy/cross-entropy.backward.wasm.ts";
import { activationBackwardKernels } from "./elementwise/activations.backward.wasm.ts";
import { geluKernels } from "./elementwise/gelu.wasm.ts";
import { softplusKernel } from "./elementwise/softplus.wasm.ts";
import { embeddingBackwardKernel } from "./embedding/embedding.backward.wasm.ts";
import { layerNormBackwardKernel } from "./layer-norm/layer-norm.backward.wasm.ts";
import { matmulNarrowBackwardKernels } from "./matmul/matmul.backward.narrow.wasm.ts";
import { matmulBackwardKernels } from "./matmul/matmul.backward.wasm.ts";
import { normKernel } from "./norm/norm.wasm.ts";
import { optimiserKernels } from "./optimiser/optimiser.wasm.ts";
import { repeatKernels } from "./repeat/repeat.wasm.ts";
import { rmsNormBackwardKernel } from "./rms-norm/rms-norm.backward.wasm.ts";
import { sumRowsKernel } from "./sum-rows/sum-rows.wasm.ts";
import { inferenceKernels } from "./wasm-inference.ts";

/** The WebAssembly kernels of this package and of the elementary ops, for `openWasm`. */
export const kernels = [
  ...inferenceKernels,
  ...geluKernels,
  softplusKernel,
  ...activationBackwardKernels,
  ...matmulBackwardKernels,
  ...matmulNarrowBackwardKernels,
  ...attentionKernels,
  attentionBackwardKernel,
  padKernel,
  sumRowsKernel,
  ...repeatKernels,
  embeddingBackwardKernel,
  rmsNormBackwardKernel,
  layerNormBackwardKernel,
  crossEntropyBackwardKernel,
  normKernel,
  ...optimiserKernels,
];
