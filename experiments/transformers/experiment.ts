import { languageModel, type Block } from "@elapid/models";
import { seeded, type Init } from "@elapid/nn";
import { evaluateAccuracy } from "@elapid/train";
import { forSeeds, parameterCount, seedsOf } from "../learning/learn.ts";
import { learnInStages, testBatches, type LearnedInStages } from "../learning/stages.ts";
import { between, overSeeds, percent, untimed } from "../learning/seeds.ts";
import { stacks, type StackKind } from "../models/layers.ts";
import { SequenceModel } from "../models/sequence-model.ts";
import type { Experiment, ExperimentOptions } from "../runner/experiment.ts";
import { lines } from "../runner/figure.ts";
import { groups, pivot } from "../runner/table.ts";
import { associativeRecall } from "../tasks/associative-recall.ts";
import { copying } from "../tasks/copying.ts";
import type { Task } from "../tasks/generated-batches.ts";
import { openCorpus } from "../text/corpus.ts";
import { learnText, type LearnedText } from "../text/learn-text.ts";

export const summary = "Mamba, transformer and hybrid of equal size: on text, on associative recall and on copying";

const sizes = {
  small: {
    text: {
      dModel: 64,
      depth: 4,
      batch: 8,
      time: 256,
      steps: 300,
      rates: [2e-3, 5e-3, 1e-2],
      stories: 10,
      documents: Infinity,
    },
    task: { dModel: 64, depth: 4, batch: 16, steps: 1500, every: 100, lr: 5e-3, minutes: Infinity },
    recall: { stages: [2, 4, 8], asked: [2, 4, 6, 8, 12, 16], keys: 32 },
    copying: { stages: [2, 4, 8, 16], asked: [4, 8, 12, 16, 20, 24, 32] },
    seeds: 3,
  },
  large: {
    text: {
      dModel: 256,
      depth: 8,
      batch: 16,
      time: 512,
      steps: 2000,
      rates: [5e-4, 1e-3, 2e-3],
      stories: 50,
      documents: 200_000,
    },
    task: { dModel: 128, depth: 4, batch: 64, steps: 10_000, every: 100, lr: 2e-3, minutes: 5 },
    recall: { stages: [4, 16, 64], asked: [8, 16, 32, 48, 64, 96, 128], keys: 256 },
    copying: { stages: [4, 16, 64], asked: [16, 32, 48, 64, 80, 96, 128] },
    seeds: 3,
  },
};

interface Case {
  readonly stack: StackKind;
  readonly dState: number;
}

/** Mamba's memory is its state, so it is asked with several; the others have one that is usual. */
const cases: Readonly<Record<string, Case>> = {
  "mamba, 2 states": { stack: "mamba", dState: 2 },
  "mamba, 8 states": { stack: "mamba", dState: 8 },
  "mamba, 32 states": { stack: "mamba", dState: 32 },
  transformer: { stack: "transformer", dState: 16 },
  hybrid: { stack: "hybrid", dState: 16 },
};
/** The same stacks as language models: two layers of Mamba are as large as one of attention with its MLP. */
const blocks: Readonly<Record<StackKind, (depth: number, dModel: number) => Block[]>> = {
  mamba: (depth) => Array(depth).fill("mamba"),
  transformer: (depth, dModel) => Array(depth / 2).fill(attention(dModel)),
  hybrid: (depth, dModel) => [...Array(depth / 2).fill("mamba"), ...Array(depth / 4).fill(attention(dModel))],
};
const onText = Object.keys(blocks) as StackKind[];

function attention(dModel: number): Block {
  return { kind: "attention", nHeads: dModel / HEAD, dIntermediate: 4 * dModel };
}

const HEAD = 32;
const tasks = ["recall", "copying"] as const;
type TaskName = (typeof tasks)[number];
const TESTED = 128;

const taskParts = tasks.flatMap((task) =>
  Object.keys(cases).map((model) => ({ task, model, part: `${task}-${model.replaceAll(/,? /g, "-")}` })),
);

export const parts: Experiment["parts"] = [
  ...onText.map((model) => `text-${model}`),
  ...taskParts.map(({ part }) => part),
];

interface TextRow extends LearnedText {
  readonly model: StackKind;
  readonly lr: number;
}

interface TaskRun extends Omit<LearnedInStages, "curve"> {
  readonly task: TaskName;
  readonly model: string;
  readonly seed: number;
  readonly parameters: number;
}

/** How a model did at one size of a task. */
interface Answer {
  readonly task: TaskName;
  readonly model: string;
  readonly seed: number;
  /** Pairs, or tokens to copy. */
  readonly count: number;
  readonly accuracy: number;
}

type Measured = {
  readonly text: readonly TextRow[];
  readonly runs: readonly TaskRun[];
  readonly answers: readonly Answer[];
};

export async function run(part: string, options: ExperimentOptions): Promise<Partial<Measured>> {
  const found = taskParts.find((each) => each.part === part);
  if (found !== undefined) return runTask(found, options);
  return {
    text: await runText(
      onText.find((model) => part === `text-${model}`)!,
      options,
    ),
  };
}

/** The first seed with each learning rate, then the others with the one that was best. */
async function runText(model: StackKind, options: ExperimentOptions): Promise<TextRow[]> {
  const { preset, text, progress, open } = options;
  const { stories, documents, depth, dModel, rates, ...rest } = sizes[preset].text;
  const corpus = await openCorpus({ text, seeds: stories, documents, progress });
  const { vocabSize } = corpus;
  const make = (init: Init) => languageModel({ vocabSize, dModel, blocks: blocks[model](depth, dModel) }, init);
  const learnWith = async (seed: number, lr: number): Promise<TextRow> => {
    using device = await open();
    const learned = await learnText(device, { corpus, make, seed, lr, ...rest });
    progress(`  seed ${seed}, learning rate ${lr}: ${learned.loss.toFixed(4)}, ${learned.seconds.toFixed(0)} s`);
    return { model, lr, ...learned };
  };
  const rows: TextRow[] = [];
  for (const lr of rates) rows.push(await learnWith(1, lr));
  const { lr } = rows.reduce((best, row) => (row.loss < best.loss ? row : best));
  for (let seed = 2; seed <= (options.seeds ?? sizes[preset].seeds); seed++) rows.push(await learnWith(seed, lr));
  return rows;
}

async function runTask(
  { task, model: name }: { readonly task: TaskName; readonly model: string },
  options: ExperimentOptions,
): Promise<Partial<Measured>> {
  const { preset, open, progress } = options;
  const size = sizes[preset];
  const { dModel, depth, batch, ...rest } = size.task;
  const { stages, asked } = size[task];
  const { stack, dState } = cases[name];
  const tasks = stages.map((count) => taskOf(task, count, preset));
  const [{ vocabSize }] = tasks;
  const results = await forSeeds(seedsOf(options, size.seeds), open, async (device, seed) => {
    const layers = stacks[stack]({ dModel, dState, depth });
    const model = new SequenceModel({ dModel, input: vocabSize, outputs: vocabSize, layers }, seeded(device, seed));
    progress(`seed ${seed}`);
    const { curve: _, ...learned } = await learnInStages({
      model,
      stages: tasks,
      batch,
      seed,
      tested: TESTED,
      ...rest,
      progress,
    });
    const answers: Answer[] = [];
    for (const count of asked) {
      const accuracy = await evaluateAccuracy(model, testBatches(taskOf(task, count, preset), TESTED, TESTED));
      answers.push({ task, model: name, seed, count, accuracy });
    }
    return { run: { task, model: name, seed, parameters: parameterCount(model), ...learned }, answers };
  });
  return { runs: results.map((each) => each.run), answers: results.flatMap(({ answers }) => answers) };
}

function taskOf(task: TaskName, count: number, preset: ExperimentOptions["preset"]): Task {
  if (task === "copying") return copying({ length: count, count, values: 30, spacing: "fixed" });
  const { keys } = sizes[preset].recall;
  return associativeRecall({ pairs: count, keys, values: keys });
}

export function report({ text = [], runs = [], answers = [] }: Partial<Measured>) {
  const byModel = ["model", "parameters"] as const;
  const best = groups(text, ["model"]).flatMap((rows) => {
    const { lr } = rows.reduce((found, row) => (row.loss < found.loss ? row : found));
    return rows.filter((row) => row.lr === lr);
  });
  const texts = overSeeds(best, [...byModel, "lr"], ({ loss }) => loss);
  const bits = overSeeds(best, byModel, ({ bitsPerByte }) => bitsPerByte);
  const accuracies = overSeeds(answers, ["task", "model", "count"], ({ accuracy }) => accuracy);
  const of = (task: TaskName) => accuracies.filter((row) => row.task === task);
  const figure = (task: TaskName, name: string, what: string, label: string) => ({
    name,
    caption: `${what} Median and ends of the seeds.`,
    rows: of(task),
    draw: lines({
      x: { key: "count", label },
      y: { key: "median", label: "accuracy", domain: [0, 1] },
      series: "model",
      band: ["least", "most"],
    }),
  });
  return {
    tables: [
      {
        name: "text",
        rows: texts.map((row, i) => ({
          model: row.model,
          parameters: row.parameters,
          "learning rate": row.lr,
          "loss (nats a token)": between(row),
          "bits a byte": between(bits[i]),
        })),
      },
      {
        name: "rates",
        rows: pivot(
          text.filter(({ seed }) => seed === 1),
          ["model"],
          "lr",
          ({ loss }) => loss,
        ),
      },
      { name: "recall", rows: pivot(of("recall"), ["count"], "model", percent) },
      { name: "copying", rows: pivot(of("copying"), ["count"], "model", percent) },
      { name: "runs", rows: untimed(runs) },
    ],
    figures: [
      figure("recall", "recall", "Share of keys whose value is recalled, against the number of pairs.", "pairs"),
      figure("copying", "copying", "Share of tokens that are copied rightly, against their number.", "tokens to copy"),
    ],
  };
}
