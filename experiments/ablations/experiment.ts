import { constant, normal, type Fill, type Init } from "@elapid/nn";
import { forSeeds } from "../learning/learn.ts";
import { between, overSeeds } from "../learning/seeds.ts";
import { SelectiveMixer, type SelectiveMixerConfig } from "../models/selective-mixer.ts";
import { SequenceModel, type LayerOf } from "../models/sequence-model.ts";
import type { Experiment, ExperimentOptions } from "../runner/experiment.ts";
import { lines } from "../runner/figure.ts";
import { openCorpus, type Corpus } from "../text/corpus.ts";
import { learnText, type LearnedText } from "../text/learn-text.ts";

export const summary = "what of Mamba does the work: selection, the size of the state, the start of A; on text";

const sizes = {
  small: {
    dModel: 64,
    depth: 2,
    batch: 8,
    time: 128,
    steps: 300,
    lr: 1e-2,
    seeds: 3,
    stories: 10,
    documents: Infinity,
  },
  large: {
    dModel: 256,
    depth: 4,
    batch: 16,
    time: 512,
    steps: 2000,
    lr: 3e-3,
    seeds: 1,
    stories: 50,
    documents: 200_000,
  },
};

type Variant = Omit<SelectiveMixerConfig, "dModel" | "gated">;

const N = 16;
const all = ["delta", "B", "C"] as const;
const STATES = [1, 2, 4, 8, 16, 32, 64];
const numbered =
  (dState: number): Fill =>
  (_, i) =>
    Math.PI * (i % dState);

/** What is compared, by part and by the name of each case. */
const variants: Readonly<Record<string, Readonly<Record<string, Variant>>>> = {
  selection: {
    none: { dState: N, selective: [] },
    B: { dState: N, selective: ["B"] },
    C: { dState: N, selective: ["C"] },
    "B, C": { dState: N, selective: ["B", "C"] },
    delta: { dState: N, selective: ["delta"] },
    "delta, B, C": { dState: N, selective: all },
  },
  "state-selective": Object.fromEntries(STATES.map((dState) => [dState, { dState, selective: all }])),
  "state-constant": Object.fromEntries(STATES.map((dState) => [dState, { dState, selective: ["delta"] }])),
  start: {
    "-(n + 1), real S4D": { dState: N },
    "-1/2": { dState: N, logA: constant(Math.log(0.5)) },
    "-exp(normal)": { dState: N, logA: normal(1) },
    "-1/2 + πni, complex S4D": { dState: N / 2, logA: constant(Math.log(0.5)), AImag: numbered(N / 2) },
  },
};

interface Row extends LearnedText {
  readonly part: string;
  readonly variant: string;
}

type Text = {
  readonly source: string;
  readonly tokens: number;
  readonly bytesPerToken: number;
};

type Measured = { readonly rows: readonly Row[]; readonly texts: readonly Text[] };

export const parts: Experiment["parts"] = Object.keys(variants);

let corpus: Promise<Corpus> | undefined;

export async function run(part: string, options: ExperimentOptions): Promise<Measured> {
  const { dModel, depth, stories, documents, seeds, ...rest } = sizes[options.preset];
  const { text, progress, open } = options;
  corpus ??= openCorpus({ text, seeds: stories, documents, progress });
  const read = await corpus;
  const rows: Row[] = [];
  for (const [variant, config] of Object.entries(variants[part])) {
    const learned = await forSeeds(options.seeds ?? seeds, open, (device, seed) => {
      const { vocabSize } = read;
      const layers = Array.from({ length: depth }, () => mixer({ ...config, dModel }));
      const make = (init: Init) => new SequenceModel({ dModel, input: vocabSize, outputs: vocabSize, layers }, init);
      return learnText(device, { corpus: read, make, seed, ...rest });
    });
    progress(
      `  ${variant}: ${learned.map(({ loss, seconds }) => `${loss.toFixed(4)} (${seconds.toFixed(0)} s)`).join(", ")}`,
    );
    rows.push(...learned.map((each) => ({ part, variant, ...each })));
  }
  const { source, training, bytesPerToken } = read;
  return { rows, texts: [{ source, tokens: training.length, bytesPerToken }] };
}

function mixer(config: Variant & { readonly dModel: number }): LayerOf {
  return (init) => new SelectiveMixer({ ...config, gated: true }, init);
}

export function report({ rows = [], texts = [] }: Partial<Measured>) {
  const losses = overSeeds(rows, ["part", "variant", "parameters"], ({ loss }) => loss);
  const of = (...names: readonly string[]) => losses.filter(({ part }) => names.includes(part));
  const table = (part: string, what: string) => ({
    name: part,
    rows: of(part).map((row) => ({
      [what]: row.variant,
      parameters: row.parameters,
      "loss (nats a token)": between(row),
    })),
  });
  const series = { "state-selective": "B and C from the input", "state-constant": "B and C constant" };
  return {
    tables: [
      table("selection", "selective"),
      {
        name: "state",
        rows: STATES.map((dState) => ({
          "states a channel": dState,
          ...cells(of("state-selective", "state-constant"), dState),
        })),
      },
      table("start", "A"),
      { name: "text", rows: texts.slice(0, 1) },
    ],
    figures: [
      {
        name: "state",
        caption:
          "Loss against the size of the state, with B and C that follow from the input and constant ones; delta is selective in both. Median and ends of the seeds.",
        rows: of("state-selective", "state-constant").map((row) => ({
          ...row,
          states: Number(row.variant),
          series: series[row.part as keyof typeof series],
        })),
        draw: lines({
          x: { key: "states", label: "states a channel", type: "log", base: 2 },
          y: { key: "median", label: "loss (nats a token)" },
          series: "series",
          band: ["least", "most"],
        }),
      },
    ],
  };
}

function cells(
  rows: readonly {
    readonly part: string;
    readonly variant: string;
    readonly median: number;
    readonly least: number;
    readonly most: number;
  }[],
  dState: number,
) {
  const cell = (part: string) => {
    const row = rows.find((each) => each.part === part && Number(each.variant) === dState);
    return row === undefined ? null : between(row);
  };
  return { "B and C from the input": cell("state-selective"), "B and C constant": cell("state-constant") };
}
