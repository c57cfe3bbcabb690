import type { Device } from "@elapid/tensor";
import {
  AdamW,
  evaluateAccuracy,
  isUndecayed,
  train,
  wsdSchedule,
  type Batch,
  type BatchSource,
  type NextTokenModel,
} from "@elapid/train";
import type { ExperimentOptions } from "../runner/experiment.ts";

export interface LearnOptions {
  readonly model: NextTokenModel;
  readonly data: BatchSource;
  /** What the model is asked; none of it is trained on. */
  readonly test: readonly Batch[];
  readonly steps: number;
  /** Peak of the learning rate, which rises over a twentieth of the steps and falls over the last fifth. */
  readonly lr: number;
  /** Default 0.01. */
  readonly weightDecay?: number;
  /** Keeps Adam's division away from 0. Default 1e-8. */
  readonly eps?: number;
  /** Share of the mean square of gradients that Adam keeps. Default 0.99. */
  readonly beta2?: number;
  /** Steps between two tests. Default: a tenth of all. */
  readonly every?: number;
  /** Ends as soon as a test is as good as this. Default: never. */
  readonly enough?: number;
  /** Ends, at the next test, after so many minutes. Default: never. */
  readonly minutes?: number | undefined;
  readonly progress?: (line: string) => void;
}

/** How far a model came. */
export interface Learned {
  readonly accuracy: number;
  readonly steps: number;
  readonly seconds: number;
  /** Why it ended. */
  readonly end: "steps" | "enough" | "time";
  readonly curve: readonly { readonly step: number; readonly loss: number; readonly accuracy: number }[];
}

/** The systems of S4D learn more slowly than what is around them, as in the official code. */
const groups = [
  { has: (name: string) => /\.kernel\.(logDt|logAReal|AImag)$/.test(name), weightDecay: 0, lrScale: 0.1 },
  { has: isUndecayed, weightDecay: 0 },
];

/** Trains a model and tests it as it goes. */
export async function learn(options: LearnOptions): Promise<Learned> {
  const { model, data, test, steps, lr, enough = Infinity, minutes = Infinity, progress } = options;
  const { every = Math.ceil(steps / 10), weightDecay = 0.01, eps = 1e-8, beta2 = 0.99 } = options;
  const start = performance.now();
  const seconds = () => (performance.now() - start) / 1000;
  using optimiser = new AdamW(model.parameters(), { weightDecay, eps, beta2, groups });
  const schedule = wsdSchedule({ peak: lr, steps, warmup: Math.ceil(steps / 20) });
  const curve: { step: number; loss: number; accuracy: number }[] = [];
  const endOf = (accuracy: number): Learned["end"] | undefined => {
    if (accuracy >= enough) return "enough";
    if (optimiser.stepCount >= steps) return "steps";
    return seconds() >= 60 * minutes ? "time" : undefined;
  };
  for (;;) {
    const losses: number[] = [];
    const until = Math.min(steps, optimiser.stepCount + every);
    await train({ model, data, optimiser, schedule, steps: until, onStep: ({ loss }) => void losses.push(loss) });
    const loss = losses.reduce((sum, each) => sum + each, 0) / losses.length;
    const accuracy = await evaluateAccuracy(model, test);
    curve.push({ step: until, loss, accuracy });
    progress?.(`  step ${until}: loss ${loss.toFixed(3)}, accuracy ${accuracy.toFixed(3)}, ${seconds().toFixed(0)} s`);
    const end = endOf(accuracy);
    if (end !== undefined) return { accuracy, steps: until, seconds: seconds(), end, curve };
  }
}

/** Numbers of a model, those that are trained. */
export function parameterCount(model: NextTokenModel): number {
  return [...model.parameters()].reduce((sum, [, { size }]) => sum + size, 0);
}

/** The seeds that are to be measured: the one that was asked for, or as many as were, or as many as are usual. */
export function seedsOf({ seed, seeds }: Pick<ExperimentOptions, "seed" | "seeds">, usual: number): number[] {
  return seed === undefined ? Array.from({ length: seeds ?? usual }, (_, i) => i + 1) : [seed];
}

/** Runs something with the models of several seeds, one after the other, each on a device of its own. */
export async function forSeeds<T>(
  seeds: readonly number[],
  open: () => Promise<Device>,
  run: (device: Device, seed: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  for (const seed of seeds) {
    using device = await open();
    results.push(await run(device, seed));
  }
  return results;
}
