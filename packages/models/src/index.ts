export { readConfig, type ConfigReader } from "./config.ts";
export {
  checkpointName,
  defineModel,
  type Architecture,
  type CausalModel,
  type ForwardOptions,
  type ForwardResult,
  type KernelPart,
  type LayerState,
} from "./define.ts";
export { convertModel, type ConvertOptions } from "./convert.ts";
export { describeModel, type ModelDescription } from "./describe.ts";
export { languageModel, languageModelConfig, type Block, type LanguageModelConfig } from "./elapid.ts";
export { mixerKinds, type MixerKind, type MixerSizes } from "./blocks.ts";
export { generateTokens, type GeneratedToken } from "./generate.ts";
export { LanguageModel, type GeneratedText, type LanguageForwardOptions } from "./language-model.ts";
export { fillParameters, loadModel, type LoadModelOptions, type OpenFor } from "./load.ts";
export { resolveOptions, type GenerateOptions, type ResolvedOptions } from "./options.ts";
export { architectureOf, modelTypeOf, modelTypes } from "./registry.ts";
export { saveModel } from "./save.ts";
export { argmax, sampleToken, type SamplingOptions } from "./sample.ts";
export type { Score, ScoreOptions } from "./score.ts";
export { State } from "./state.ts";
