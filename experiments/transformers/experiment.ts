import { languageModel, type Block } from "@elapid/models";
import { seeded, type Init } from "@elapid/nn";
import { evaluateAccuracy } from "@elapid/train";
import { forSeeds, learn, parameterCount, seedsOf, type Learned } from "../learning/learn.ts";
import { between, overSeeds, percent, untimed } from "../learning/seeds.ts";
import { testBatches } from "../learning/stages.ts";
import { stacks, type StackKind } from "../models/layers.ts";
import { SequenceModel } from "../models/sequence-model.ts";
import type { Experiment, ExperimentOptions } from "../runner/experiment.ts";
import { lines } from "../runner/figure.ts";
import { groups, pivot } from "../runner/table.ts";
import { associativeRecall } from "../tasks/associative-recall.ts";
import { copying } from "../tasks/copying.ts";
import type { Task } from "../tasks/generated-batches.ts";
import { MixedBatches } from "../tasks/mixed-batches.ts";
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
      stories: 10,
      documents: Infinity,
    },
    task: { dModel: 64, depth: 4, tokens: 1024, steps: 1000 },
    recall: { learned: [2, 4, 8], asked: [2, 4, 6, 8, 12, 16], keys: 32 },
    copying: { learned: [4, 8, 12, 16], asked: [4, 8, 10, 12, 16, 20, 24] },
    seeds: 3,
  },
  large: {
    text: {
      dModel: 64,
      depth: 4,
      batch: 8,
      time: 256,
      steps: 600,
      stories: 50,
      documents: 200_000,
    },
    task: { dModel: 64, depth: 4, tokens: 1280, steps: 3000 },
    recall: { learned: [2, 4, 8, 16, 32], asked: [4, 8, 16, 24, 32, 48, 64], keys: 64 },
    copying: { learned: [4, 8, 16, 24, 32], asked: [4, 8, 12, 16, 20, 24, 32, 40, 48] },
    seeds: 3,
  },
};

interface Case {
  readonly stack: StackKind;
  readonly dState: number;
  readonly lr: number;
}

/** Mamba's memory is its state, so it is asked with several; the others have one that is usual. */
const cases: Readonly<Record<string, Case>> = {
  "mamba, 2 states": { stack: "mamba", dState: 2, lr: 5e-3 },
  "mamba, 32 states": { stack: "mamba", dState: 32, lr: 5e-3 },
  transformer: { stack: "transformer", dState: 16, lr: 2e-3 },
  hybrid: { stack: "hybrid", dState: 16, lr: 5e-3 },
};
/** The same stacks as language models: two layers of Mamba are as large as one of attention with its MLP. */
const blocks: Readonly<Record<StackKind, (depth: number, dModel: number) => Block[]>> = {
  mamba: (depth) => Array(depth).fill("mamba"),
  transformer: (depth, dModel) => Array(depth / 2).fill(attention(dModel)),
  hybrid: (depth, dModel) => [...Array(depth / 2).fill("mamba"), ...Array(depth / 4).fill(attention(dModel))],
};
/** Learning rates that are tried on text; the best for the first seed is that of the model. */
const rates: Readonly<Record<StackKind, readonly number[]>> = {
  mamba: [5e-3, 1e-2, 2e-2, 4e-2],
  transformer: [5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2],
  hybrid: [5e-3, 1e-2, 2e-2, 4e-2],
};
const onText = Object.keys(blocks) as StackKind[];

function attention(dModel: number): Block {
  return { kind: "attention", nHeads: dModel / HEAD, dIntermediate: 4 * dModel };
}

const HEAD = 32;
const tasks = ["recall", "copying"] as const;
type TaskName = (typeof tasks)[number];
const TESTED = 128;
/** Ends a run: all lengths that are learned are right. */
const ENOUGH = 0.9995;
/** Longer examples join the shorter ones over this share of the steps. */
const JOINED = 0.3;

const taskParts = tasks.flatMap((task) =>
  Object.keys(cases).map((model) => ({ task, model, part: `${task}-${model.replaceAll(/,? /g, "-")}` })),
);

const textParts = onText.flatMap((model) => rates[model].map((lr) => ({ model, lr, part: `text-${model}-${lr}` })));

export const bySeed = true;

export const parts: Experiment["parts"] = [...textParts.map(({ part }) => part), ...taskParts.map(({ part }) => part)];

interface TextRow extends LearnedText {
  readonly model: StackKind;
  readonly lr: number;
}

interface TaskRun extends Omit<Learned, "curve"> {
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
  const task = taskParts.find((each) => each.part === part);
  return task === undefined
    ? runText(
        textParts.find((each) => each.part === part)!,
        options,
      )
    : runTask(task, options);
}

/** Learns a text with one of the learning rates. */
async function runText(
  { model, lr }: { readonly model: StackKind; readonly lr: number },
  options: ExperimentOptions,
): Promise<Partial<Measured>> {
  const { preset, text, progress, open } = options;
  const { stories, documents, depth, dModel, ...rest } = sizes[preset].text;
  const corpus = await openCorpus({ text, seeds: stories, documents, progress });
  const { vocabSize } = corpus;
  const make = (init: Init) => languageModel({ vocabSize, dModel, blocks: blocks[model](depth, dModel) }, init);
  return {
    text: await forSeeds(seedsOf(options, sizes[preset].seeds), open, async (device, seed) => {
      const learned = await learnText(device, { corpus, make, seed, lr, ...rest });
      progress(`  seed ${seed}, learning rate ${lr}: ${learned.loss.toFixed(4)}, ${learned.seconds.toFixed(0)} s`);
      return { model, lr, ...learned };
    }),
  };
}

async function runTask(
  { task, model: name }: { readonly task: TaskName; readonly model: string },
  options: ExperimentOptions,
): Promise<Partial<Measured>> {
  const { preset, open, progress } = options;
  const size = sizes[preset];
  const { dModel, depth, tokens, steps } = size.task;
  const { stack, dState, lr } = cases[name];
  const learnedTasks = size[task].learned.map((count) => taskOf(task, count, preset));
  const [{ vocabSize }] = learnedTasks;
  const tests = learnedTasks.flatMap((each) => testBatches(each, TESTED / 2, TESTED / 2));
  const results = await forSeeds(seedsOf(options, size.seeds), open, async (device, seed) => {
    const layers = stacks[stack]({ dModel, dState, depth });
    const model = new SequenceModel({ dModel, input: vocabSize, outputs: vocabSize, layers }, seeded(device, seed));
    const data = new MixedBatches(learnedTasks, { tokens, joined: JOINED * steps, seed });
    progress(`seed ${seed}`);
    const { curve: _, ...learned } = await learn({ model, data, test: tests, steps, lr, enough: ENOUGH, progress });
    const answers: Answer[] = [];
    for (const count of size[task].asked) {
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
    const first = rows.filter(({ seed }) => seed === 1);
    if (first.length === 0) return [];
    const { lr } = first.reduce((found, row) => (row.loss < found.loss ? row : found));
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
          text.filter(({ seed }) => seed === 1).toSorted((a, b) => a.lr - b.lr),
          ["model"],
          "lr",
          ({ loss }) => loss,
        ).toSorted((a, b) => onText.indexOf(a.model as StackKind) - onText.indexOf(b.model as StackKind)),
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
