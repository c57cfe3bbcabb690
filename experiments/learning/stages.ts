import type { Batch, NextTokenModel } from "@elapid/train";
import { evaluateAccuracy } from "@elapid/train";
import { GeneratedBatches, type Task } from "../tasks/generated-batches.ts";
import { learn, type Learned, type LearnOptions } from "./learn.ts";

export interface StagesOptions extends Pick<LearnOptions, "steps" | "every" | "lr" | "weightDecay" | "progress"> {
  readonly model: NextTokenModel;
  readonly taskOf: (length: number) => Task;
  /** From short to long; the last is what the model is to learn. */
  readonly lengths: readonly number[];
  /** Rows of a batch at the last length; shorter sequences come in larger batches, up to {@link MOST_ROWS}. */
  readonly batch: number;
  readonly seed: number;
  /** Examples of a test. */
  readonly tested: number;
  /** For all stages together. */
  readonly minutes: number;
}

export interface LearnedInStages extends Omit<Learned, "curve"> {
  /** The last length that it learned at. */
  readonly trained: number;
  readonly curve: readonly (Learned["curve"][number] & { readonly length: number })[];
}

const MOST_ROWS = 64;
/** What is enough to go on to longer sequences, and to end. */
const ENOUGH = { go: 0.97, end: 0.999 };
/** Never learned from: the seeds of models are small. */
const TEST_SEED = 1_000_003;

/** Trains a model at one length after the other, the next as soon as it is good at one, and tests it at the last. */
export async function learnInStages(options: StagesOptions): Promise<LearnedInStages> {
  const { model, taskOf, lengths, batch, seed, tested, minutes, progress, ...rest } = options;
  const longest = lengths[lengths.length - 1];
  let done = { steps: 0, seconds: 0 };
  const curve: LearnedInStages["curve"][number][] = [];
  for (const length of lengths) {
    const isLast = length === longest;
    const rows = Math.min(MOST_ROWS, (batch * longest) / length);
    const stage = await learn({
      model,
      data: new GeneratedBatches(taskOf(length), { batch: rows, seed }),
      test: testBatches(taskOf(length), tested, rows),
      enough: isLast ? ENOUGH.end : ENOUGH.go,
      minutes: minutes - done.seconds / 60,
      progress: (line) => progress?.(lengths.length > 1 ? `  length ${length}:${line}` : line),
      ...rest,
    });
    curve.push(...stage.curve.map((point) => ({ ...point, length, step: done.steps + point.step })));
    done = { steps: done.steps + stage.steps, seconds: done.seconds + stage.seconds };
    if (stage.end === "enough" && !isLast) continue;
    const accuracy = isLast
      ? stage.accuracy
      : await evaluateAccuracy(model, testBatches(taskOf(longest), tested, batch));
    return { accuracy, ...done, end: stage.end, trained: length, curve };
  }
  throw new RangeError("Cannot learn: there is no length to learn at");
}

/** So many examples for a test, in batches of `rows`. */
export function testBatches(task: Task, count: number, rows: number): Batch[] {
  return Array.from({ length: Math.ceil(count / rows) }, (_, i) =>
    new GeneratedBatches(task, { batch: Math.min(rows, count), seed: TEST_SEED + i }).next(),
  );
}
