import { seeded } from "@elapid/nn";
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
    length: 64,
    count: 8,
    dModel: 48,
    dState: 8,
    batch: 16,
    test: 128,
    steps: 2500,
    lr: 1e-2,
    minutes: Infinity,
    seeds: 3,
  },
  // the paper's task and model; its 400,000 steps are more than a run of minutes has
  large: {
    length: 4096,
    count: 16,
    dModel: 64,
    dState: 16,
    batch: 16,
    test: 32,
    steps: 20_000,
    lr: 3e-3,
    minutes: 1.5,
    seeds: 1,
  },
};

const spacings = { plain: "fixed", selective: "random" } as const;
type Task = keyof typeof spacings;

const models: readonly LayerKind[] = ["rnn", "gru", "s4d", "s4d, gated", "s6", "mamba"];
/** Never learned from: the test is of this seed, and training of the seeds of the models. */
const TEST_SEED = 1_000_003;
const LAYERS = 2;

interface Run extends Omit<Learned, "curve"> {
  readonly task: Task;
  readonly model: LayerKind;
  readonly seed: number;
  readonly parameters: number;
}

interface Point {
  readonly task: Task;
  readonly model: LayerKind;
  readonly seed: number;
  readonly step: number;
  readonly accuracy: number;
}

type Measured = { readonly runs: readonly Run[]; readonly curves: readonly Point[] };

const cases = (Object.keys(spacings) as Task[]).flatMap((task) =>
  models.map((model) => ({ task, model, part: `${task}-${model.replace(", ", "-").toLowerCase()}` })),
);

export const parts: Experiment["parts"] = cases.map(({ part }) => part);

export async function run(part: string, options: ExperimentOptions): Promise<Measured> {
  const { preset, open, progress } = options;
  const { length, count, dModel, dState, batch, test: tested, steps, lr, minutes, seeds } = sizes[preset];
  const { task, model: kind } = cases.find((each) => each.part === part)!;
  const examples = copying({ length, count, spacing: spacings[task] });
  const { vocabSize } = examples;
  const test = Array.from({ length: tested / batch }, (_, i) =>
    new GeneratedBatches(examples, { batch, seed: TEST_SEED + i }).next(),
  );
  const learned = await forSeeds(options.seeds ?? seeds, open, async (device, seed) => {
    const stack = Array.from({ length: LAYERS }, () => layers[kind]({ dModel, dState }));
    const model = new SequenceModel(
      { dModel, input: vocabSize, outputs: vocabSize, layers: stack },
      seeded(device, seed),
    );
    const data = new GeneratedBatches(examples, { batch, seed });
    progress(`seed ${seed}`);
    const { curve, ...rest } = await learn({
      model,
      data,
      test,
      steps,
      lr,
      every: steps / 20,
      enough: 0.999,
      minutes,
      progress,
    });
    return { run: { task, model: kind, seed, parameters: parameterCount(model), ...rest }, curve };
  });
  return {
    runs: learned.map((each) => each.run),
    curves: learned.flatMap(({ run: { seed }, curve }) =>
      curve.map(({ step, accuracy }) => ({ task, model: kind, seed, step, accuracy })),
    ),
  };
}

export function report({ runs = [], curves = [] }: Partial<Measured>) {
  const accuracies = overSeeds(runs, ["model", "task"], ({ accuracy }) => accuracy);
  const steps = overSeeds(runs, ["model", "task"], (each) => each.steps);
  return {
    tables: [
      { name: "accuracy", rows: pivot(accuracies, ["model"], "task", percent) },
      { name: "steps", rows: pivot(steps, ["model"], "task", ({ median }) => median) },
      { name: "runs", rows: runs.map(({ end, ...rest }) => ({ ...rest, end })) },
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
