import type { DropoutChance } from "@elapid/nn";
import { valueAndGrad, type Tensor } from "@elapid/tensor";
import { carriedInto, freeLayers, type CarriedState } from "./carried-state.ts";
import { clipScale, DivergedError, globalNorm } from "./clip.ts";
import type { BatchSource } from "./data.ts";
import type { Ema } from "./ema.ts";
import { countOf, meanLoss, type NextTokenModel } from "./loss.ts";
import type { Optimiser } from "./optimiser.ts";
import type { Schedule } from "./schedule.ts";
import { firstNonFinite } from "./trace.ts";

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
  /** Computes each layer a second time on the way back, which takes less memory and more time. Default `false`. */
  readonly recompute?: boolean | undefined;
  /** Carries states from window to window; the rows of the data must go on where they were. Default: windows stand alone. */
  readonly carry?: CarriedState | undefined;
  /** The chance of the model's dropouts; evaluation and generation go without. */
  readonly dropout?: DropoutChance | undefined;
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
 * @throws DivergedError that names the first parameter whose gradient is NaN or infinite, and the first op and tensor on
 * the way there that is; the step is not taken.
 */
export async function train(options: TrainOptions): Promise<void> {
  const { data, optimiser, steps, accumulate = 1, ema, onStep, evaluateEvery = Infinity, onEvaluate, signal } = options;
  if (!(Number.isInteger(accumulate) && accumulate > 0)) {
    throw new RangeError(`Cannot train: accumulate is ${accumulate} but a whole number from 1 on was needed`);
  }
  while (optimiser.stepCount < steps) {
    signal?.throwIfAborted();
    const { position } = data;
    const report = await takeStep(options).catch(async (error: unknown) => {
      data.position = position;
      if (!(error instanceof DivergedError)) throw error;
      const origin = await originOf(options);
      data.position = position;
      throw new DivergedError(error.parameter, error.norm, origin);
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
  const { optimiser, schedule, accumulate = 1, clipNorm = 1, carry } = options;
  const start = performance.now();
  const lr = schedule(optimiser.stepCount);
  const { losses, gradients, tokens, layers } = differentiate(options);
  try {
    const gradientNorm = (await globalNorm(gradients)) / accumulate;
    const loss = (await Promise.all(losses.map((value) => value.data()))).reduce((sum, [value]) => sum + value, 0);
    optimiser.step(gradients, { lr, gradientScale: clipScale(gradientNorm, clipNorm) / accumulate });
    carry?.replace(layers);
    const milliseconds = performance.now() - start;
    return { step: optimiser.stepCount, loss: loss / accumulate, gradientNorm, lr, tokens, milliseconds };
  } finally {
    for (const tensor of [...losses, ...Object.values(gradients)]) tensor.dispose();
    if (layers !== carry?.layers) freeLayers(layers);
  }
}

/** Computes a step that went wrong again and says where it did. */
async function originOf(options: TrainOptions): Promise<string | undefined> {
  return firstNonFinite(options.optimiser.parameters, () => {
    const { losses, gradients, layers } = differentiate(options);
    for (const tensor of [...losses, ...Object.values(gradients)]) tensor.dispose();
    freeLayers(layers);
  });
}

/** The losses of the batches of a step, the sum of their gradients, and what the layers carry on. */
function differentiate({ model, data, optimiser, accumulate = 1, recompute, carry, dropout }: TrainOptions) {
  const parameters = Object.fromEntries(optimiser.parameters);
  const losses: Tensor[] = [];
  let gradients: Record<string, Tensor> = {};
  let tokens = 0;
  let layers = carry?.layers;
  for (let i = 0; i < accumulate; i++) {
    const batch = data.next();
    const lossAndLayers = () => {
      const before = carriedInto(batch, layers);
      const { loss, layers: after } = meanLoss(model, batch, {
        recompute,
        layers: before,
        states: carry !== undefined,
      });
      return { value: loss, beside: carry && after };
    };
    const run = () => valueAndGrad(lossAndLayers, parameters);
    const step = dropout === undefined ? run() : dropout.during(optimiser.stepCount * accumulate + i, run);
    losses.push(step.value);
    tokens += countOf(batch);
    gradients = i === 0 ? step.gradients : sumOf(gradients, step.gradients);
    if (i > 0) freeLayers(layers);
    layers = step.beside;
  }
  return { losses, gradients, tokens, layers };
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
