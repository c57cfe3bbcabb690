import { seeded } from "@elapid/nn";
import { forSeeds, learn, parameterCount, seedsOf, type Learned } from "../learning/learn.ts";
import { overSeeds, percent, untimed } from "../learning/seeds.ts";
import { layers, type LayerKind } from "../models/layers.ts";
import { SequenceModel } from "../models/sequence-model.ts";
import type { Experiment, ExperimentOptions, Preset } from "../runner/experiment.ts";
import { lines } from "../runner/figure.ts";
import { batchesOf, SignalBatches, type Signals } from "./signals.ts";

interface Sizes {
  readonly dModel: number;
  readonly dState: number;
  readonly batch: number;
  readonly steps: number;
  readonly lr: number;
  readonly minutes: number;
  readonly seeds: number;
}

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

const models: readonly LayerKind[] = ["rnn", "gru", "s4d", "mamba"];
const LAYERS = 2;

export interface SignalExperiment {
  readonly sizes: Readonly<Record<Preset, Sizes>>;
  readonly open: (options: ExperimentOptions) => Promise<{ readonly train: Signals; readonly test: Signals }>;
}

/** An experiment in which layers of each kind learn to tell signals apart, number by number. A part is a kind. */
export function tellApart({ sizes, open: openSignals }: SignalExperiment): Omit<Experiment, "summary"> {
  let signals: ReturnType<typeof openSignals> | undefined;

  async function run(part: string, options: ExperimentOptions): Promise<Measured> {
    const { preset, open, progress } = options;
    const { dModel, dState, batch, steps, lr, minutes, seeds } = sizes[preset];
    const kind = models.find((model) => model === part)!;
    signals ??= openSignals(options);
    const { train, test } = await signals;
    const results = await forSeeds(seedsOf(options, seeds), open, async (device, seed) => {
      const stack = Array.from({ length: LAYERS }, () => layers[kind]({ dModel, dState }));
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

  return { parts: models, bySeed: true, run, report };
}

function report({ runs = [], curves = [] }: Partial<Measured>) {
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
