import type { Module } from "@elapid/nn";
import { crossEntropy } from "@elapid/ops";
import { sum, type Tensor } from "@elapid/tensor";
import type { Layers } from "./carried-state.ts";
import type { Batch } from "./data.ts";

/** What a model is told besides the tokens. */
export interface NextTokenOptions {
  /** Integers `batch time`, numbers of packed documents, each of which begins with states of its own. */
  readonly seqIdx?: Tensor | undefined;
  /** What the layers carried out of the tokens before. */
  readonly layers?: Layers | undefined;
  /** Whether what the layers carry on is wanted. Default `true`. */
  readonly states?: boolean | undefined;
  /** Compute layers again on the way back instead of keeping what they computed. */
  readonly recompute?: boolean | undefined;
}

/**
 * A model of the next token: integers `batch time` to logits `batch time vocab`. Those of `@elapid/models` are. One whose data
 * is a signal gets its numbers in place of ids.
 */
export interface NextTokenModel extends Module {
  forward(
    ids: Tensor,
    options?: NextTokenOptions,
  ): {
    readonly logits: Tensor | undefined;
    /** What its layers carry on, if it can go on from there. */
    readonly layers?: Layers;
  };
}

/** Mean loss a token of a batch, a scalar in nats, and what the layers carry out of it. */
export function meanLoss(
  model: NextTokenModel,
  batch: Batch,
  options: Omit<NextTokenOptions, "seqIdx"> = {},
): { readonly loss: Tensor; readonly layers: Layers } {
  const { device } = parameterOf(model);
  using scope = device.scope();
  const { losses, layers } = lossesOf(model, batch, options);
  const loss = scope.keep(sum(losses).mul(device.full([], 1 / Math.max(1, countOf(batch)))));
  for (const tensor of layers.flatMap((layer) => Object.values(layer))) scope.keep(tensor);
  return { loss, layers };
}

/** Mean loss a token over several batches, in nats: `evaluateLoss(model, validation.inOrder())`. NaN if there are none. */
export async function evaluateLoss(
  model: NextTokenModel,
  batches: Iterable<Batch>,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<number> {
  let total = 0;
  let count = 0;
  for (const batch of batches) {
    signal?.throwIfAborted();
    using losses = lossesAlone(model, batch);
    for (const loss of await losses.data()) total += loss;
    count += countOf(batch);
  }
  return total / count;
}

function lossesAlone(model: NextTokenModel, batch: Batch): Tensor {
  using scope = parameterOf(model).device.scope();
  return scope.keep(lossesOf(model, batch, { states: false }).losses);
}

function lossesOf(
  model: NextTokenModel,
  batch: Batch,
  options: NextTokenOptions,
): { readonly losses: Tensor; readonly layers: Layers } {
  const { logits, layers } = logitsOf(model, batch, options);
  const labels = logits.device.tensor(batch.labels, [batch.batch, batch.time]);
  return { losses: crossEntropy(logits, labels), layers };
}

/** What a model says of a batch. @throws TypeError if it gives no logits. */
export function logitsOf(
  model: NextTokenModel,
  { ids, seqIdx, batch, time }: Batch,
  options: NextTokenOptions = {},
): { readonly logits: Tensor; readonly layers: Layers } {
  const { device } = parameterOf(model);
  const upload = (values: Batch["ids"]) => device.tensor(values, [batch, time]);
  const { logits, layers = [] } = model.forward(upload(ids), { ...options, seqIdx: seqIdx && upload(seqIdx) });
  if (logits === undefined) throw new TypeError("Cannot train: the model gave no logits");
  return { logits, layers };
}

/** Tokens of a batch that are to be predicted. */
export function countOf({ labels }: Batch): number {
  return labels.reduce((count, label) => count + (label === -100 ? 0 : 1), 0);
}

/** Some parameter of a model. @throws TypeError if it has none. */
export function parameterOf(model: Module): Tensor {
  for (const [, parameter] of model.parameters()) return parameter;
  throw new TypeError("Cannot train: the model has no parameters");
}
