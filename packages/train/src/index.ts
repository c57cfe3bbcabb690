export { AdamW, type AdamWOptions, type AdamWSettings } from "./adamw.ts";
export { evaluateAccuracy } from "./accuracy.ts";
export { clipScale, DivergedError, globalNorm } from "./clip.ts";
export { Ema } from "./ema.ts";
export { isUndecayed, type NamedTensors, type Optimiser, type ParameterGroup, type StepOptions } from "./optimiser.ts";
export {
  cosineSchedule,
  linearSchedule,
  wsdSchedule,
  type Schedule,
  type ScheduleOptions,
  type WsdOptions,
} from "./schedule.ts";
export { Sgd, type SgdOptions, type SgdSettings } from "./sgd.ts";
export {
  encodeBytes,
  readTokens,
  TokenBatches,
  type Batch,
  type BatchSource,
  type DataPosition,
  type ReadTokensOptions,
  type TokenBatchesOptions,
} from "./data.ts";
export { CarriedState, type Layers } from "./carried-state.ts";
export { train, type StepReport, type TrainOptions } from "./loop.ts";
export { evaluateLoss, meanLoss, type NextTokenModel, type NextTokenOptions } from "./loss.ts";
export { StreamBatches, type StreamBatchesOptions } from "./stream-batches.ts";
export { readDocuments, type ReadDocumentsOptions } from "./documents.ts";
export { readText, splitDocuments, type ReadTextOptions } from "./text.ts";
export { loadCheckpoint, saveCheckpoint, type TrainingRun } from "./checkpoint.ts";
export { Lion, type LionOptions, type LionSettings } from "./lion.ts";
export { isProjection, Muon, type MuonOptions } from "./muon.ts";
export { Lora, type LoraOptions } from "./lora.ts";
export { TunedState } from "./state-tuning.ts";
