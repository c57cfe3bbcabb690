import type { Module } from "@elapid/nn";
import { crossEntropy } from "@elapid/ops";
import { sum, valueAndGrad, type Tensor } from "@elapid/tensor";
import { clipScale, globalNorm } from "./clip.ts";
import type { Batch, BatchSource } from "./data.ts";
import type { Ema } from "./ema.ts";
import type { Optimiser } from "./optimiser.ts";
import type { Schedule } from "./schedule.ts";

/** A model of the next token: integers `batch time` to logits `batch time vocab`. Those of `@elapid/models` are. */
export interface NextTokenModel extends Module {
  forward(ids: Tensor): { readonly logits: Tensor | undefined };
}

/** What a step of training did. */
export interface StepReport {
  /** Steps taken, this one included. */
  readonly step: number;
  /** Mean loss of the batches before the step, in nats a token. */
  readonly loss: number;
  /** Global norm of the gradients before clipping. */
  readonly gradientNorm: number;
  readonly lr: number;
  /** Tokens that were predicted in this step. */
  readonly tokens: number;
  readonly milliseconds: number;
}

export interface TrainOptions {
  readonly model: NextTokenModel;
  readonly data: BatchSource;
  /** Says which parameters are trained. Its `stepCount` is where the run is: a resumed one goes on from there. */
  readonly optimiser: Optimiser;
  readonly schedule: Schedule;
  /** Steps of the whole run, those taken before included. */
  readonly steps: number;
  /** Batches whose gradients are averaged for one step, for more than memory holds at a time. Default 1. */
  readonly accumulate?: number;
  /** Gradients are scaled to this global norm where theirs is larger. Default 1. */
  readonly clipNorm?: number;
  /** Follows the parameters. */
  readonly ema?: Ema | undefined;
  /** Told after every step; the next one waits for it. Logging, evaluation and checkpoints have their place here. */
  readonly onStep?: (report: StepReport) => void | Promise<void>;
  /** Steps between evaluations. Default: none. */
  readonly evaluateEvery?: number;
  /** Called after every `evaluateEvery` steps and after the last; see {@link evaluateLoss}. */
  readonly onEvaluate?: (step: number) => void | Promise<void>;
  /** Ends the run between two steps: the promise rejects with the signal's reason, everything stays as the last step left it. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Trains a model to predict the next token.
 *
 * ```ts
 * await train({ model, data, optimiser, schedule, steps: 1000, onStep: ({ step, loss }) => console.log(step, loss) });
 * ```
 *
 * @throws DivergedError that names the first parameter whose gradient is NaN or infinite; the step is not taken.
 */
export async function train(options: TrainOptions): Promise<void> {
  const { data, optimiser, steps, accumulate = 1, ema, onStep, evaluateEvery = Infinity, onEvaluate, signal } = options;
  if (!(Number.isInteger(accumulate) && accumulate > 0)) {
    throw new RangeError(`Cannot train: accumulate is ${accumulate} but a whole number from 1 on was needed`);
  }
  while (optimiser.stepCount < steps) {
    signal?.throwIfAborted();
    const { position } = data;
    const report = await takeStep(options).catch((error: unknown) => {
      data.position = position;
      throw error;
    });
    ema?.update();
    await onStep?.(report);
    const { step } = report;
    if (step % evaluateEvery === 0 || (step === steps && evaluateEvery < Infinity)) await onEvaluate?.(step);
    // timers, signals and the page have a turn
    await new Promise((resolve) => setTimeout(resolve));
  }
}

/** One step, or an error that leaves model and optimiser as they were. */
async function takeStep(options: TrainOptions): Promise<StepReport> {
  const { optimiser, schedule, accumulate = 1, clipNorm = 1 } = options;
  const start = performance.now();
  const lr = schedule(optimiser.stepCount);
  const { losses, gradients, tokens } = differentiate(options);
  try {
    const gradientNorm = (await globalNorm(gradients)) / accumulate;
    const loss = (await Promise.all(losses.map((value) => value.data()))).reduce((sum, [value]) => sum + value, 0);
    optimiser.step(gradients, { lr, gradientScale: clipScale(gradientNorm, clipNorm) / accumulate });
    const milliseconds = performance.now() - start;
    return { step: optimiser.stepCount, loss: loss / accumulate, gradientNorm, lr, tokens, milliseconds };
  } finally {
    for (const tensor of [...losses, ...Object.values(gradients)]) tensor.dispose();
  }
}

/** The losses of the batches of a step, and the sum of their gradients. */
function differentiate({ model, data, optimiser, accumulate = 1 }: TrainOptions) {
  const parameters = Object.fromEntries(optimiser.parameters);
  const losses: Tensor[] = [];
  let gradients: Record<string, Tensor> = {};
  let tokens = 0;
  for (let i = 0; i < accumulate; i++) {
    const batch = data.next();
    const { value, gradients: more } = valueAndGrad(() => meanLoss(model, batch), parameters);
    losses.push(value);
    tokens += countOf(batch);
    gradients = i === 0 ? more : sumOf(gradients, more);
  }
  return { losses, gradients, tokens };
}

/** Sums by name; what is added is freed. */
function sumOf(a: Readonly<Record<string, Tensor>>, b: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(a).map(([name, one]) => {
      using left = one;
      using right = b[name];
      return [name, left.add(right)];
    }),
  );
}

/** Mean loss a token of a batch, a scalar in nats. */
export function meanLoss(model: NextTokenModel, batch: Batch): Tensor {
  const { device } = parameterOf(model);
  using scope = device.scope();
  const losses = lossesOf(model, batch);
  return scope.keep(sum(losses).mul(device.full([], 1 / Math.max(1, countOf(batch)))));
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
    using losses = lossesOf(model, batch);
    for (const loss of await losses.data()) total += loss;
    count += countOf(batch);
  }
  return total / count;
}

function lossesOf(model: NextTokenModel, { ids, labels, batch, time }: Batch): Tensor {
  const { device } = parameterOf(model);
  using scope = device.scope();
  const { logits } = model.forward(device.tensor(ids, [batch, time]));
  if (logits === undefined) throw new TypeError("Cannot train: the model gave no logits");
  return scope.keep(crossEntropy(logits, device.tensor(labels, [batch, time])));
}

function countOf({ labels }: Batch): number {
  return labels.reduce((count, label) => count + (label === -100 ? 0 : 1), 0);
}

function parameterOf(model: Module): Tensor {
  for (const [, parameter] of model.parameters()) return parameter;
  throw new TypeError("Cannot train: the model has no parameters");
}
