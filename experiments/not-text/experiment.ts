import { seeded } from "@elapid/nn";
import { forSeeds, learn, type Learned, parameterCount, seedsOf } from "../learning/learn.ts";
import { overSeeds, percent, untimed } from "../learning/seeds.ts";
import { layers, type LayerKind } from "../models/layers.ts";
import { SequenceModel } from "../models/sequence-model.ts";
import type { Experiment, ExperimentOptions } from "../runner/experiment.ts";
import { lines } from "../runner/figure.ts";
import { spokenDigits } from "./digits.ts";
import { readImages } from "./idx.ts";
import { batchesOf, SignalBatches, type Signals } from "./signals.ts";

export const summary =
  "spoken digits sample by sample, or images pixel by pixel: recurrent layers against state-space models";

const sizes = {
  small: {
    train: 1000,
    test: 200,
    time: 1024,
    dModel: 32,
    batch: 16,
    steps: 400,
    lr: 4e-3,
    minutes: Infinity,
    seeds: 3,
  },
  large: {
    train: 10_000,
    test: 1000,
    time: 2048,
    dModel: 128,
    batch: 32,
    steps: 5000,
    lr: 3e-3,
    minutes: 10,
    seeds: 3,
  },
};
const models: readonly LayerKind[] = ["rnn", "gru", "s4d", "mamba"];
const LAYERS = 2;
const D_STATE = { small: 8, large: 64 };

interface Run extends Omit<Learned, "curve"> {
  readonly model: LayerKind;
  readonly seed: number;
  readonly parameters: number;
}

interface Point {
  readonly model: LayerKind;
  readonly seed: number;
  readonly step: number;
  readonly accuracy: number;
}

type Measured = { readonly runs: readonly Run[]; readonly curves: readonly Point[] };

export const bySeed = true;

export const parts: Experiment["parts"] = models;

let signals: Promise<{ readonly train: Signals; readonly test: Signals }> | undefined;

export async function run(part: string, options: ExperimentOptions): Promise<Measured> {
  const { preset, open, progress } = options;
  const { dModel, batch, steps, lr, minutes, seeds } = sizes[preset];
  const kind = models.find((model) => model === part)!;
  signals ??= openSignals(options);
  const { train, test } = await signals;
  const results = await forSeeds(seedsOf(options, seeds), open, async (device, seed) => {
    const stack = Array.from({ length: LAYERS }, () => layers[kind]({ dModel, dState: D_STATE[preset] }));
    const config = { dModel, input: "signal", outputs: train.classes, layers: stack, pooled: true } as const;
    const model = new SequenceModel(config, seeded(device, seed));
    const data = new SignalBatches(train, { batch, seed });
    progress(`seed ${seed}`);
    const learned = await learn({ model, data, test: batchesOf(test, batch), steps, lr, minutes, progress });
    const { curve, ...rest } = learned;
    return { run: { model: kind, seed, parameters: parameterCount(model), ...rest }, curve };
  });
  return {
    runs: results.map((each) => each.run),
    curves: results.flatMap(({ run: { seed }, curve }) =>
      curve.map(({ step, accuracy }) => ({ model: kind, seed, step, accuracy })),
    ),
  };
}

/** Images of the folder that `--data` names, or else digits that are spoken for the purpose. */
async function openSignals({ preset, data, progress }: ExperimentOptions) {
  const { train, test, time } = sizes[preset];
  if (data !== undefined) {
    return { train: await readImages(data, "train", train), test: await readImages(data, "t10k", test) };
  }
  progress(`  speaking ${train + test} digits`);
  return {
    train: await spokenDigits({ voices: "train", count: train, time, seed: 1 }),
    test: await spokenDigits({ voices: "test", count: test, time, seed: 2 }),
  };
}

export function report({ runs = [], curves = [] }: Partial<Measured>) {
  const accuracies = overSeeds(runs, ["model", "parameters"], ({ accuracy }) => accuracy);
  return {
    tables: [
      {
        name: "accuracy",
        rows: accuracies.map((row) => ({
          model: row.model,
          parameters: row.parameters,
          "accuracy (%)": percent(row),
        })),
      },
      { name: "runs", rows: untimed(runs) },
    ],
    figures: [
      {
        name: "learning",
        caption:
          "Share of test signals that are named rightly, against the steps of training: median and ends of the seeds.",
        rows: overSeeds(curves, ["model", "step"], ({ accuracy }) => accuracy),
        draw: lines({
          x: { key: "step", label: "steps" },
          y: { key: "median", label: "accuracy", domain: [0, 1] },
          series: "model",
          band: ["least", "most"],
        }),
      },
    ],
  };
}
