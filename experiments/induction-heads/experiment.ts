import { argmax } from "@elapid/ops";
import { seeded } from "@elapid/nn";
import { randomSource, type Device } from "@elapid/tensor";
import type { Layers } from "@elapid/train";
import { forSeeds, parameterCount, seedsOf } from "../learning/learn.ts";
import { overSeeds, percent, untimed } from "../learning/seeds.ts";
import { learnInStages, type LearnedInStages } from "../learning/stages.ts";
import { layers, type LayerKind } from "../models/layers.ts";
import { SequenceModel } from "../models/sequence-model.ts";
import type { Experiment, ExperimentOptions } from "../runner/experiment.ts";
import { lines } from "../runner/figure.ts";
import { pivot } from "../runner/table.ts";
import { batchOf, type Task } from "../tasks/generated-batches.ts";
import { inductionHeads } from "../tasks/induction-heads.ts";

export const summary = "induction heads: trained at length 256, asked at lengths far beyond";

interface Case {
  readonly kind: LayerKind;
  /** Adds sines of the position to the input. Default `false`. */
  readonly positions?: boolean;
  /** Takes a sequence in pieces, its state handed on; the others see it whole. Default `false`. */
  readonly pieces?: boolean;
  /** How Adam is set up. */
  readonly adam: Adam;
}

interface Adam {
  readonly lr: number;
  readonly beta2: number;
  readonly eps: number;
}

/**
 * Once a model is right, its gradients lose half their digits, and still say that it should hold on for longer. This Adam forgets
 * within ten steps how large they were, and its epsilon is below them.
 */
const patient: Adam = { lr: 1e-2, beta2: 0.9, eps: 1e-14 };
const usual: Adam = { lr: 1e-2, beta2: 0.99, eps: 1e-8 };
const slower: Adam = { ...usual, lr: 3e-3 };

const models: Readonly<Record<string, Case>> = {
  mamba: { kind: "mamba", pieces: true, adam: patient },
  "mamba, usual Adam": { kind: "mamba", pieces: true, adam: usual },
  "attention, no positions": { kind: "attention", adam: slower },
  "attention, absolute": { kind: "attention", positions: true, adam: slower },
  "attention, rotary": { kind: "attention, rotary", adam: slower },
};
const partOf = (name: string) => name.replaceAll(/,? /g, "-");

const sizes = {
  small: { dModel: 32, longest: 16, longestWhole: 12 },
  large: { dModel: 64, longest: 20, longestWhole: 14 },
};
const SEEDS = 3;
const LAYERS = 2;
const STATES = 16;
/** Tokens of a piece. */
const PIECE = 4096;
const recipe = {
  batch: 4,
  steps: 3000,
  every: 100,
  weightDecay: 0,
  minutes: Infinity,
};
/** Short sequences first, as those that know nothing learn little from long ones. */
const TRAINED = [16, 64, 256];
const TESTED = 256;
const SHORTEST = 6; // 2^6
/** Steps over all sequences of a length, and at most so many sequences. */
const BUDGET = { steps: 2 ** 18, most: 64, least: (length: number) => (length <= 2 ** 16 ? 16 : 8) };
const TEST_SEED = 1_000_003;

interface Run extends Omit<LearnedInStages, "curve"> {
  readonly model: string;
  readonly seed: number;
  readonly parameters: number;
}

/** How a model did at one length. */
interface Answer {
  readonly model: string;
  readonly seed: number;
  readonly length: number;
  readonly sequences: number;
  readonly accuracy: number;
  /** What is carried to the next token, in bytes of a sequence. */
  readonly bytes: number;
}

type Measured = { readonly runs: readonly Run[]; readonly answers: readonly Answer[] };

export const bySeed = true;

export const parts: Experiment["parts"] = Object.keys(models).map(partOf);

export async function run(part: string, options: ExperimentOptions): Promise<Measured> {
  const { preset, open, progress } = options;
  const size = sizes[preset];
  const { dModel } = size;
  const [name, { kind, positions = false, pieces = false, adam }] = Object.entries(models).find(
    ([each]) => partOf(each) === part,
  )!;
  const results = await forSeeds(seedsOf(options, SEEDS), open, async (device, seed) => {
    const stack = Array.from({ length: LAYERS }, () => layers[kind]({ dModel, dState: STATES }));
    const { vocabSize } = taskOf(SHORTEST);
    const config = { dModel, input: vocabSize, outputs: vocabSize, layers: stack, positions };
    const model = new SequenceModel(config, seeded(device, seed));
    progress(`seed ${seed}`);
    const { curve: _, ...learned } = await learnInStages({
      ...recipe,
      ...adam,
      ...{ model, stages: TRAINED.map(taskOf), seed, tested: TESTED, enough: Infinity, progress },
    });
    const answers: Answer[] = [];
    for (let power = SHORTEST; power <= (pieces ? size.longest : size.longestWhole); power++) {
      const answer = await ask(device, model, 2 ** power, pieces ? PIECE : Infinity);
      progress(`  length 2^${power}: accuracy ${answer.accuracy.toFixed(3)}, ${answer.bytes} bytes carried`);
      answers.push({ model: name, seed, ...answer });
    }
    return { run: { model: name, seed, parameters: parameterCount(model), ...learned }, answers };
  });
  return { runs: results.map((each) => each.run), answers: results.flatMap(({ answers }) => answers) };
}

function taskOf(length: number): Task {
  return inductionHeads({ length });
}

/** Asks a model at one length, batch after batch, each in pieces of `piece` steps. */
async function ask(device: Device, model: SequenceModel, length: number, piece: number) {
  const sequences = Math.max(BUDGET.least(length), Math.min(BUDGET.most, BUDGET.steps / length));
  const rows = Math.max(1, Math.min(sequences, Math.floor(2 ** 16 / Math.min(length, piece))));
  const random = randomSource(TEST_SEED + length);
  const task = taskOf(length);
  let right = 0;
  let bytes = 0;
  for (let done = 0; done < sequences; done += rows) {
    const { ids, labels } = batchOf(Array.from({ length: rows }, () => task.example(random)));
    let carried: Layers = model.blocks.map(() => ({}));
    let found: ArrayLike<number> = [];
    for (let from = 0; from < length; from += piece) {
      const until = Math.min(length, from + piece);
      const part = Int32Array.from({ length: rows * (until - from) }, (_, i) => {
        const [row, step] = [Math.floor(i / (until - from)), i % (until - from)];
        return ids[row * length + from + step];
      });
      using input = device.tensor(part, [rows, until - from]);
      const { logits, layers: after } = model.forward(input, {
        layers: piece < Infinity ? carried : undefined,
        last: true,
      });
      bytes = after.flatMap((layer) => Object.values(layer)).reduce((sum, tensor) => sum + tensor.byteLength, 0) / rows;
      using best = argmax(logits);
      logits.dispose();
      for (const tensor of carried.flatMap((layer) => Object.values(layer))) tensor.dispose();
      carried = after;
      if (until === length) found = await best.data();
    }
    for (const tensor of carried.flatMap((layer) => Object.values(layer))) tensor.dispose();
    for (let row = 0; row < rows; row++) if (found[row] === labels[(row + 1) * length - 1]) right++;
  }
  return { length, sequences, accuracy: right / sequences, bytes };
}

export function report({ runs = [], answers = [] }: Partial<Measured>) {
  const accuracies = overSeeds(answers, ["model", "length"], ({ accuracy }) => accuracy);
  const costs = answers.filter(({ seed }) => seed === 1);
  return {
    tables: [
      { name: "accuracy", rows: pivot(accuracies, ["length"], "model", percent) },
      { name: "memory", rows: pivot(costs, ["length"], "model", ({ bytes }) => bytes) },
      { name: "runs", rows: untimed(runs) },
    ],
    figures: [
      {
        name: "extrapolation",
        caption: `Share of right answers against the length that is asked; all were trained at 256. Median and ends of the seeds.`,
        rows: accuracies,
        draw: lines({
          x: { key: "length", label: "length (tokens)", type: "log", base: 2 },
          y: { key: "median", label: "accuracy", domain: [0, 1] },
          series: "model",
          band: ["least", "most"],
        }),
      },
    ],
  };
}
