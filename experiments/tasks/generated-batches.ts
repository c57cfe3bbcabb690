import { randomSource, type RandomSource } from "@elapid/tensor";
import type { Batch, BatchSource, DataPosition } from "@elapid/train";

/** Nothing is to be predicted here. */
export const IGNORED = -100;

/** One example: tokens, and for each what is to be answered there, or {@link IGNORED}. */
export interface Example {
  readonly ids: Int32Array; // time
  readonly labels: Int32Array; // time
}

/** A task whose examples are made as they are needed. */
export interface Task {
  readonly vocabSize: number;
  /** Tokens of an example. */
  readonly time: number;
  example(random: RandomSource): Example;
}

/** Examples without end: batch `i` follows from the seed and `i`, so a run can be taken up anywhere. */
export class GeneratedBatches implements BatchSource {
  position: DataPosition;
  readonly #task: Task;
  readonly #batch: number;

  constructor(task: Task, { batch, seed }: { readonly batch: number; readonly seed: number }) {
    this.#task = task;
    this.#batch = batch;
    this.position = { seed, epoch: 0, window: 0 };
  }

  next(): Batch {
    const { seed, window } = this.position;
    this.position = { ...this.position, window: window + 1 };
    const random = randomSource(seed + window * 2 ** 32);
    return batchOf(Array.from({ length: this.#batch }, () => this.#task.example(random)));
  }
}

/** The rows of a batch, all of the same length. */
export function batchOf(examples: readonly Example[]): Batch {
  const time = examples[0].ids.length;
  const ids = new Int32Array(examples.length * time);
  const labels = new Int32Array(examples.length * time);
  examples.forEach((example, row) => {
    ids.set(example.ids, row * time);
    labels.set(example.labels, row * time);
  });
  return { ids, labels, batch: examples.length, time };
}

/** A whole number below `count`. */
export function below(count: number, random: RandomSource): number {
  return Math.floor(random.next() * count);
}

/** `count` different whole numbers below `total`, in the order in which they were drawn (Fisher-Yates, as far as needed). */
export function distinct(count: number, total: number, random: RandomSource): number[] {
  const all = Array.from({ length: total }, (_, i) => i);
  for (let i = 0; i < count; i++) {
    const j = i + below(total - i, random);
    [all[i], all[j]] = [all[j], all[i]];
  }
  return all.slice(0, count);
}
