export {
  FetchError,
  ModelNotFoundError,
  safetensorsPieces,
  type LoadProgress,
  type ModelFiles,
  type TensorData,
} from "@elapid/loaders";
export {
  describeModel,
  LanguageModel,
  modelTypes,
  resolveOptions,
  State,
  type GeneratedText,
  type GenerateOptions,
  type LanguageForwardOptions,
  type ModelDescription,
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
export { convert, type ConvertModelOptions } from "./convert.ts";
export { load, openSource, type LoadOptions, type ModelDType, type ModelSource } from "./load.ts";
export { openDevice, probeAdapter, type OpenDeviceOptions } from "./open-device.ts";
export type { AdapterReport } from "@elapid/webgpu";
