export { Attention, type AttentionConfig, type AttentionInput, type AttentionState } from "./attention.ts";
export { CausalConv1d, type CausalConv1dInput, type CausalConv1dOptions } from "./causal-conv1d.ts";
export { Dropout, DropoutChance } from "./dropout.ts";
export { Embedding } from "./embedding.ts";
export {
  blank,
  constant,
  deltaBias,
  logUniform,
  normal,
  s4dReal,
  seeded,
  uniform,
  type DeltaBiasOptions,
  type Fill,
  type Init,
} from "./init.ts";
export { GroupRmsNorm, type GroupRmsNormOptions } from "./group-rms-norm.ts";
export { Gru } from "./gru.ts";
export { Linear, type LinearAdapter, type LinearOptions } from "./linear.ts";
export { MambaMixer, type MambaMixerConfig, type MambaMixerInput, type MambaMixerState } from "./mamba-mixer.ts";
export { Mamba2Mixer, type Mamba2MixerConfig, type Mamba2MixerInput, type Mamba2MixerState } from "./mamba2-mixer.ts";
export { Mamba3Mixer, type Mamba3MixerConfig, type Mamba3MixerInput, type Mamba3MixerState } from "./mamba3-mixer.ts";
export { GatedMlp } from "./mlp.ts";
export { Module } from "./module.ts";
export { Rnn, type RnnConfig, type RnnInput, type RnnState } from "./rnn.ts";
export {
  PositionEmbedding,
  type PositionEmbeddingConfig,
  type PositionEmbeddingInput,
  type PositionEmbeddingState,
} from "./position-embedding.ts";
export { S4DMixer, type S4DMixerInput, type S4DMixerState } from "./s4d-mixer.ts";
export { S4, S4Kernel, type S4Config, type S4State } from "./s4.ts";
export { S4D, S4DKernel, type S4DConfig, type S4DState } from "./s4d.ts";
export { LayerNorm, RmsNorm, type Norm } from "./norm.ts";
