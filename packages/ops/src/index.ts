export { crossEntropy, crossEntropyOp, type CrossEntropyOptions } from "./cross-entropy/cross-entropy.ts";
export { silu, siluOp } from "./elementwise/silu.ts";
export { softplus, softplusOp } from "./elementwise/softplus.ts";
export { embedding, embeddingOp } from "./embedding/embedding.ts";
export { layerNorm, layerNormOp } from "./layer-norm/layer-norm.ts";
export { matmul, matmulOp } from "./matmul/matmul.ts";
export { addRmsNorm, addRmsNormOp, rmsNorm, rmsNormOp } from "./rms-norm/rms-norm.ts";
