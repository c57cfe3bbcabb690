import { seeded } from "@elapid/nn";
import type { Device } from "@elapid/tensor";
import { evaluateAccuracy } from "@elapid/train";
import { forSeeds, learn, parameterCount, type Learned } from "../learning/learn.ts";
import { overSeeds, percent } from "../learning/seeds.ts";
import { layers, type LayerKind } from "../models/layers.ts";
import { SequenceModel } from "../models/sequence-model.ts";
import type { Experiment, ExperimentOptions } from "../runner/experiment.ts";
import { lines } from "../runner/figure.ts";
import { pivot } from "../runner/table.ts";
import { copying } from "../tasks/copying.ts";
import { GeneratedBatches } from "../tasks/generated-batches.ts";

export const summary = "copying and selective copying: what needs a state, and what needs a look at the input";

const sizes = {
  small: {
    lengths: [64],
    count: 8,
    dModel: 48,
    dState: 8,
    batch: 16,
    test: 128,
    steps: 2500,
    every: 125,
    lr: 1e-2,
    minutes: Infinity,
    seeds: 3,
  },
  // the paper's task and model; for its 400,000 steps a short run goes by way of shorter sequences
  large: {
    lengths: [256, 1024, 4096],
    count: 16,
    dModel: 64,
    dState: 16,
    batch: 16,
    test: 64,
    steps: 20_000,
    every: 50,
    lr: 5e-3,
    minutes: 2,
    seeds: 1,
  },
};
/** What is enough to go on to longer sequences, and to end. */
const ENOUGH = { go: 0.97, end: 0.999 };

const spacings = { plain: "fixed", selective: "random" } as const;
type Task = keyof typeof spacings;

const models: readonly LayerKind[] = ["rnn", "gru", "s4d", "s4d, gated", "s6", "mamba"];
/** Never learned from: the test is of this seed, and training of the seeds of the models. */
const TEST_SEED = 1_000_003;
const LAYERS = 2;

interface Which {
  readonly task: Task;
  readonly model: LayerKind;
  readonly seed: number;
}

interface Run extends Which, Omit<Learned, "curve"> {
  readonly parameters: number;
  /** The last length that it learned at. */
  readonly trained: number;
}

interface Point extends Which {
  readonly length: number;
  readonly step: number;
  readonly accuracy: number;
}

type Measured = { readonly runs: readonly Run[]; readonly curves: readonly Point[] };

const cases = (Object.keys(spacings) as Task[]).flatMap((task) =>
  models.map((model) => ({ task, model, part: `${task}-${model.replace(", ", "-").toLowerCase()}` })),
);

export const parts: Experiment["parts"] = cases.map(({ part }) => part);

export async function run(part: string, options: ExperimentOptions): Promise<Measured> {
  const { open, progress } = options;
  const { task, model } = cases.find((each) => each.part === part)!;
  const { seeds } = sizes[options.preset];
  const learned = await forSeeds(options.seeds ?? seeds, open, (device, seed) => {
    progress(`seed ${seed}`);
    return learnToCopy(device, { task, model, seed }, options);
  });
  return { runs: learned.map((each) => each.run), curves: learned.flatMap((each) => each.curve) };
}

/** Trains a model at one length after the other, the next as soon as it is good at one, and tests it at the last. */
async function learnToCopy(device: Device, which: Which, { preset, progress }: ExperimentOptions) {
  const { lengths, count, dModel, dState, batch, test: tested, minutes, ...rest } = sizes[preset];
  const { task, model: kind, seed } = which;
  const longest = lengths[lengths.length - 1];
  const taskOf = (length: number) => copying({ length, count, spacing: spacings[task] });
  const { vocabSize } = taskOf(longest);
  const stack = Array.from({ length: LAYERS }, () => layers[kind]({ dModel, dState }));
  const model = new SequenceModel(
    { dModel, input: vocabSize, outputs: vocabSize, layers: stack },
    seeded(device, seed),
  );
  const testOf = (length: number) =>
    Array.from({ length: tested / batch }, (_, i) =>
      new GeneratedBatches(taskOf(length), { batch, seed: TEST_SEED + i }).next(),
    );
  let total = { steps: 0, seconds: 0 };
  const curve: Point[] = [];
  for (const length of lengths) {
    // shorter sequences in larger batches
    const rows = Math.min(64, (batch * longest) / length);
    const data = new GeneratedBatches(taskOf(length), { batch: rows, seed });
    const enough = length === longest ? ENOUGH.end : ENOUGH.go;
    const left = minutes - total.seconds / 60;
    if (lengths.length > 1) progress(`  length ${length}`);
    const part = await learn({ model, data, test: testOf(length), enough, minutes: left, ...rest, progress });
    curve.push(...part.curve.map(({ step, accuracy }) => ({ ...which, length, step: total.steps + step, accuracy })));
    total = { steps: total.steps + part.steps, seconds: total.seconds + part.seconds };
    if (part.end === "enough" && length !== longest) continue;
    const accuracy = length === longest ? part.accuracy : await evaluateAccuracy(model, testOf(longest));
    const run: Run = {
      ...which,
      parameters: parameterCount(model),
      trained: length,
      accuracy,
      ...total,
      end: part.end,
    };
    return { run, curve };
  }
  throw new Error("Cannot study: there is no length to learn at");
}

export function report({ runs = [], curves = [] }: Partial<Measured>) {
  const accuracies = overSeeds(runs, ["model", "task"], ({ accuracy }) => accuracy);
  const steps = overSeeds(runs, ["model", "task"], (each) => each.steps);
  return {
    tables: [
      { name: "accuracy", rows: pivot(accuracies, ["model"], "task", percent) },
      { name: "steps", rows: pivot(steps, ["model"], "task", ({ median }) => median) },
      { name: "runs", rows: runs.map((row) => ({ ...row })) },
    ],
    figures: [
      {
        name: "learning",
        caption:
          "Share of tokens that are said again rightly, against the steps of training: median and ends of the seeds.",
        rows: overSeeds(curves, ["task", "model", "step"], ({ accuracy }) => accuracy),
        draw: lines({
          x: { key: "step", label: "steps" },
          y: { key: "median", label: "accuracy", domain: [0, 1] },
          series: "model",
          panels: "task",
          band: ["least", "most"],
        }),
      },
    ],
  };
}
