import { constant, normal, type Fill, type Init } from "@elapid/nn";
import { forSeeds, seedsOf } from "../learning/learn.ts";
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
    dModel: 128,
    depth: 4,
    batch: 8,
    time: 512,
    steps: 400,
    lr: 5e-3,
    seeds: 3,
    stories: 50,
    documents: 200_000,
  },
};

type Variant = Omit<SelectiveMixerConfig, "dModel" | "gated">;

const N = 16;
const all = ["delta", "B", "C"] as const;
const STATES = [1, 2, 4, 8, N, 32, 64];
/** Of the part `selection`, which has them with N states. */
const [WHOLE, CONSTANT] = ["delta, B, C", "delta"];
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
    [CONSTANT]: { dState: N, selective: ["delta"] },
    [WHOLE]: { dState: N, selective: all },
  },
  "state-selective": ofStates((dState) => ({ dState, selective: all })),
  "state-constant": ofStates((dState) => ({ dState, selective: ["delta"] })),
  start: {
    "-1/2": { dState: N, logA: constant(Math.log(0.5)) },
    "-exp(normal)": { dState: N, logA: normal(1) },
    "-1/2 + πni, complex S4D": { dState: N / 2, logA: constant(Math.log(0.5)), AImag: numbered(N / 2) },
  },
};

/** All sizes but N, which the part `selection` has. */
function ofStates(variant: (dState: number) => Variant): Readonly<Record<string, Variant>> {
  return Object.fromEntries(STATES.filter((dState) => dState !== N).map((dState) => [dState, variant(dState)]));
}

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

export const bySeed = true;

const cases = Object.entries(variants).flatMap(([group, each]) =>
  Object.entries(each).map(([variant, config]) => ({ group, variant, config, part: partOf(`${group} ${variant}`) })),
);

function partOf(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9]+/g, "-");
}

export const parts: Experiment["parts"] = cases.map(({ part }) => part);

let corpus: Promise<Corpus> | undefined;

export async function run(part: string, options: ExperimentOptions): Promise<Measured> {
  const { dModel, depth, stories, documents, seeds, ...rest } = sizes[options.preset];
  const { text, progress, open } = options;
  corpus ??= openCorpus({ text, seeds: stories, documents, progress });
  const read = await corpus;
  const { group, variant, config } = cases.find((each) => each.part === part)!;
  const learned = await forSeeds(seedsOf(options, seeds), open, (device, seed) => {
    const { vocabSize } = read;
    const layers = Array.from({ length: depth }, () => mixer({ ...config, dModel }));
    const make = (init: Init) => new SequenceModel({ dModel, input: vocabSize, outputs: vocabSize, layers }, init);
    return learnText(device, { corpus: read, make, seed, ...rest });
  });
  progress(`  ${learned.map(({ loss, seconds }) => `${loss.toFixed(4)} (${seconds.toFixed(0)} s)`).join(", ")}`);
  const rows = learned.map((each) => ({ part: group, variant, ...each }));
  const { source, training, bytesPerToken } = read;
  return { rows, texts: [{ source, tokens: training.length, bytesPerToken }] };
}

function mixer(config: Variant & { readonly dModel: number }): LayerOf {
  return (init) => new SelectiveMixer({ ...config, gated: true }, init);
}

export function report({ rows = [], texts = [] }: Partial<Measured>) {
  const whole = rows.filter(({ part, variant }) => part === "selection" && variant === WHOLE);
  const all = [
    ...rows,
    ...whole.map((row) => ({ ...row, part: "state-selective", variant: String(N) })),
    ...rows
      .filter(({ part, variant }) => part === "selection" && variant === CONSTANT)
      .map((row) => ({ ...row, part: "state-constant", variant: String(N) })),
    ...whole.map((row) => ({ ...row, part: "start", variant: "-(n + 1), real S4D" })),
  ];
  const keys = ["part", "variant", "parameters"] as const;
  const losses = overSeeds(all, keys, ({ loss }) => loss);
  // seeds share windows and their order, so runs of one seed are compared with each other
  const pairs = all.flatMap((row) => {
    const other = whole.find(({ seed }) => seed === row.seed);
    return other === undefined ? [] : [{ ...row, difference: row.loss - other.loss }];
  });
  const differences = overSeeds(pairs, keys, ({ difference }) => difference);
  const difference = (part: string, variant: string) => {
    const found = differences.find((each) => each.part === part && each.variant === variant);
    return found === undefined || found.least === found.most ? null : between(found);
  };
  const of = (...names: readonly string[]) => losses.filter(({ part }) => names.includes(part));
  const table = (part: string, what: string) => ({
    name: part,
    rows: of(part).map((row) => ({
      [what]: row.variant,
      parameters: row.parameters,
      "loss (nats a token)": between(row),
      "more than Mamba": difference(part, row.variant),
    })),
  });
  const cell = (part: string, dState: number) => {
    const row = losses.find((each) => each.part === part && Number(each.variant) === dState);
    return row === undefined ? null : between(row);
  };
  const series = { "state-selective": "B and C from the input", "state-constant": "B and C constant" };
  const states = of("state-selective", "state-constant").map((row) => ({
    ...row,
    states: Number(row.variant),
    series: series[row.part as keyof typeof series],
  }));
  return {
    tables: [
      table("selection", "selective"),
      {
        name: "state",
        rows: STATES.map((dState) => ({
          "states a channel": dState,
          [series["state-selective"]]: cell("state-selective", dState),
          "more than Mamba": difference("state-selective", String(dState)),
          [series["state-constant"]]: cell("state-constant", dState),
          "more than Mamba ": difference("state-constant", String(dState)),
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
        rows: states.toSorted((a, b) => a.states - b.states),
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
