import { languageModel, type Block } from "@elapid/models";
import { seeded, type Init } from "@elapid/nn";
import { evaluateAccuracy } from "@elapid/train";
import { forSeeds, parameterCount } from "../learning/learn.ts";
import { learnInStages, testBatches, type LearnedInStages } from "../learning/stages.ts";
import { between, overSeeds, percent, untimed } from "../learning/seeds.ts";
import { stacks, type StackKind } from "../models/layers.ts";
import { SequenceModel } from "../models/sequence-model.ts";
import type { Experiment, ExperimentOptions } from "../runner/experiment.ts";
import { lines } from "../runner/figure.ts";
import { pivot } from "../runner/table.ts";
import { associativeRecall } from "../tasks/associative-recall.ts";
import { copying } from "../tasks/copying.ts";
import type { Task } from "../tasks/generated-batches.ts";
import { openCorpus } from "../text/corpus.ts";
import { learnText, type LearnedText } from "../text/learn-text.ts";

export const summary = "Mamba, transformer and hybrid of equal size: on text, on associative recall and on copying";

const sizes = {
  small: {
    text: { dModel: 64, depth: 4, batch: 8, time: 256, steps: 300, lr: 5e-3, stories: 10, documents: Infinity },
    task: { dModel: 64, depth: 4, batch: 16, steps: 1500, every: 100, lr: 5e-3, minutes: Infinity },
    recall: { stages: [2, 4, 8], asked: [2, 4, 6, 8, 12, 16], keys: 32 },
    copying: { stages: [2, 4, 8, 16], asked: [4, 8, 12, 16, 20, 24, 32] },
    seeds: 3,
  },
  large: {
    text: { dModel: 256, depth: 8, batch: 16, time: 512, steps: 2000, lr: 2e-3, stories: 50, documents: 200_000 },
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
  "mamba, 16 states": { stack: "mamba", dState: 16 },
  "mamba, 64 states": { stack: "mamba", dState: 64 },
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

export const parts: Experiment["parts"] = ["text", ...taskParts.map(({ part }) => part)];

interface TextRow extends LearnedText {
  readonly model: StackKind;
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
  return found === undefined ? { text: await runText(options) } : runTask(found, options);
}

async function runText(options: ExperimentOptions): Promise<TextRow[]> {
  const { stories, documents, depth, ...rest } = sizes[options.preset].text;
  const { text, progress, open } = options;
  const corpus = await openCorpus({ text, seeds: stories, documents, progress });
  progress(`  ${corpus.source}, ${corpus.training.length} tokens`);
  const rows: TextRow[] = [];
  for (const model of onText) {
    const { dModel, ...run } = rest;
    const make = (init: Init) =>
      languageModel({ vocabSize: corpus.vocabSize, dModel, blocks: blocks[model](depth, dModel) }, init);
    const learned = await forSeeds(options.seeds ?? sizes[options.preset].seeds, open, (device, seed) =>
      learnText(device, { corpus, make, seed, ...run }),
    );
    progress(
      `  ${model}: ${learned.map(({ loss, seconds }) => `${loss.toFixed(4)} (${seconds.toFixed(0)} s)`).join(", ")}`,
    );
    rows.push(...learned.map((each) => ({ model, ...each })));
  }
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
  const results = await forSeeds(options.seeds ?? size.seeds, open, async (device, seed) => {
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
  const texts = overSeeds(text, byModel, ({ loss }) => loss);
  const bits = overSeeds(text, byModel, ({ bitsPerByte }) => bitsPerByte);
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
          "loss (nats a token)": between(row),
          "bits a byte": between(bits[i]),
        })),
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
