import type { Batch, NextTokenModel } from "@elapid/train";
import { evaluateAccuracy } from "@elapid/train";
import { GeneratedBatches, type Task } from "../tasks/generated-batches.ts";
import { learn, type Learned, type LearnOptions } from "./learn.ts";

export interface StagesOptions extends Pick<
  LearnOptions,
  "steps" | "every" | "lr" | "weightDecay" | "eps" | "beta2" | "progress"
> {
  readonly model: NextTokenModel;
  /** From easy to hard; the last is what the model is to learn. */
  readonly stages: readonly Task[];
  /** Rows of a batch of the last; shorter sequences come in larger batches, up to `mostRows`, by default 64. */
  readonly batch: number;
  readonly mostRows?: number;
  readonly seed: number;
  /** Whoever does not get a stage right goes on after this share of the steps. Default a quarter. */
  readonly share?: number;
  /** Examples of a test. */
  readonly tested: number;
  /** For all stages together. */
  readonly minutes: number;
  /** Ends the last stage as soon as a test is as good as this. Default 0.999. */
  readonly enough?: number;
}

export interface LearnedInStages extends Omit<Learned, "curve"> {
  readonly curve: readonly (Learned["curve"][number] & { readonly stage: number })[];
}

/** What is enough to go on to the next stage. */
const ENOUGH_TO_GO_ON = 0.97;
/** Never learned from: the seeds of models are small. */
const TEST_SEED = 1_000_003;

/** Trains a model on one task after the other, and tests it at the last. `steps` are those of the last. */
export async function learnInStages(options: StagesOptions): Promise<LearnedInStages> {
  const {
    model,
    stages,
    batch,
    seed,
    tested,
    steps,
    minutes,
    progress,
    mostRows = 64,
    share = 1 / 4,
    enough = 0.999,
    ...rest
  } = options;
  const last = stages[stages.length - 1];
  let done = { steps: 0, seconds: 0 };
  const curve: LearnedInStages["curve"][number][] = [];
  for (const [stage, task] of stages.entries()) {
    const isLast = task === last;
    const rows = Math.min(mostRows, Math.floor((batch * last.time) / task.time));
    const learned = await learn({
      model,
      data: new GeneratedBatches(task, { batch: rows, seed }),
      test: testBatches(task, tested, rows),
      steps: isLast ? steps : Math.ceil(share * steps),
      enough: isLast ? enough : ENOUGH_TO_GO_ON,
      minutes: minutes - done.seconds / 60,
      progress: (line) => progress?.(`  ${task.time} tokens:${line}`),
      ...rest,
    });
    curve.push(...learned.curve.map((point) => ({ ...point, stage, step: done.steps + point.step })));
    done = { steps: done.steps + learned.steps, seconds: done.seconds + learned.seconds };
    if (!isLast && learned.end !== "time") continue;
    const accuracy = isLast ? learned.accuracy : await evaluateAccuracy(model, testBatches(last, tested, batch));
    return { accuracy, ...done, end: learned.end, curve };
  }
  throw new RangeError("Cannot learn: there is no task");
}

/** So many examples for a test, in batches of `rows`. */
export function testBatches(task: Task, count: number, rows: number): Batch[] {
  return Array.from({ length: Math.ceil(count / rows) }, (_, i) =>
    new GeneratedBatches(task, { batch: Math.min(rows, count), seed: TEST_SEED + i }).next(),
  );
}
