export { FetchError, ModelNotFoundError, writeSafetensors, safetensorsPieces, type LoadProgress, type ModelFiles } from "@elapid/loaders";
export {
  LanguageModel,
  modelTypes,
  resolveOptions,
  State,
  type GeneratedText,
  type GenerateOptions,
  type LanguageForwardOptions,
  type Score,
  type ScoreOptions,
} from "@elapid/models";
export {
  Device,
  DeviceLostError,
  OutOfMemoryError,
  Tensor,
  TensorDisposedError,
  UnsupportedError,
  type DeviceKind,
} from "@elapid/tensor";
export { createTokenizer, type Tokenizer } from "@elapid/tokenizers";
export { load, openSource, type LoadOptions, type ModelDType, type ModelSource } from "./load.ts";
export { openDevice, type OpenDeviceOptions } from "./open-device.ts";
