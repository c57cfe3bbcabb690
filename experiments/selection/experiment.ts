import { seeded } from "@elapid/nn";
import type { Device } from "@elapid/tensor";
import { forSeeds, parameterCount, seedsOf } from "../learning/learn.ts";
import { overSeeds, percent, untimed } from "../learning/seeds.ts";
import { learnInStages, type LearnedInStages } from "../learning/stages.ts";
import { layers, type LayerKind } from "../models/layers.ts";
import { SequenceModel } from "../models/sequence-model.ts";
import type { Experiment, ExperimentOptions } from "../runner/experiment.ts";
import { lines } from "../runner/figure.ts";
import { pivot } from "../runner/table.ts";
import { copying } from "../tasks/copying.ts";

export const summary = "copying and selective copying: what needs a state, and what needs a look at the input";

const sizes = {
  small: {
    stages: [
      { length: 16, count: 8 },
      { length: 64, count: 8 },
    ],
    dModel: 48,
    dState: 16,
    share: 4 / 3,
    batch: 16,
    tested: 128,
    steps: 1500,
    every: 100,
    lr: 1e-2,
    minutes: Infinity,
    seeds: 3,
  },
  // the paper's task and model, but for its 400,000 steps
  large: {
    stages: [
      { length: 16, count: 4 },
      { length: 32, count: 8 },
      { length: 64, count: 16 },
      { length: 512, count: 16 },
      { length: 4096, count: 16 },
    ],
    dModel: 64,
    dState: 16,
    batch: 8,
    mostRows: 32,
    tested: 64,
    steps: 16_000,
    every: 50,
    lr: 5e-3,
    minutes: 6,
    seeds: 1,
  },
};
const spacings = { plain: "fixed", selective: "random" } as const;
type Task = keyof typeof spacings;

const models: readonly LayerKind[] = ["rnn", "gru", "s4d", "s4d, gated", "s6", "mamba"];
const LAYERS = 2;

interface Which {
  readonly task: Task;
  readonly model: LayerKind;
  readonly seed: number;
}

interface Run extends Which, Omit<LearnedInStages, "curve"> {
  readonly parameters: number;
}

interface Point extends Which {
  readonly stage: number;
  readonly step: number;
  readonly accuracy: number;
}

type Measured = { readonly runs: readonly Run[]; readonly curves: readonly Point[] };

const cases = (Object.keys(spacings) as Task[]).flatMap((task) =>
  models.map((model) => ({ task, model, part: `${task}-${model.replace(", ", "-").toLowerCase()}` })),
);

export const bySeed = true;

export const parts: Experiment["parts"] = cases.map(({ part }) => part);

export async function run(part: string, options: ExperimentOptions): Promise<Measured> {
  const { open, progress } = options;
  const { task, model } = cases.find((each) => each.part === part)!;
  const { seeds } = sizes[options.preset];
  const learned = await forSeeds(seedsOf(options, seeds), open, (device, seed) => {
    progress(`seed ${seed}`);
    return learnToCopy(device, { task, model, seed }, options);
  });
  return { runs: learned.map((each) => each.run), curves: learned.flatMap((each) => each.curve) };
}

async function learnToCopy(device: Device, which: Which, { preset, progress }: ExperimentOptions) {
  const { stages, dModel, dState, ...rest } = sizes[preset];
  const { task, model: kind, seed } = which;
  const tasks = stages.map((stage) => copying({ ...stage, spacing: spacings[task] }));
  const [{ vocabSize }] = tasks;
  const stack = Array.from({ length: LAYERS }, () => layers[kind]({ dModel, dState }));
  const model = new SequenceModel(
    { dModel, input: vocabSize, outputs: vocabSize, layers: stack },
    seeded(device, seed),
  );
  const { curve, ...learned } = await learnInStages({ model, stages: tasks, seed, ...rest, progress });
  const run: Run = { ...which, parameters: parameterCount(model), ...learned };
  return { run, curve: curve.map(({ stage, step, accuracy }) => ({ ...which, stage, step, accuracy })) };
}

export function report({ runs = [], curves = [] }: Partial<Measured>) {
  const accuracies = overSeeds(runs, ["model", "task"], ({ accuracy }) => accuracy);
  const steps = overSeeds(runs, ["model", "task"], (each) => each.steps);
  return {
    tables: [
      { name: "accuracy", rows: pivot(accuracies, ["model"], "task", percent) },
      { name: "steps", rows: pivot(steps, ["model"], "task", ({ median }) => median) },
      { name: "runs", rows: untimed(runs) },
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
