import { randomSource } from "@elapid/tensor";
import type { Batch, BatchSource, DataPosition } from "@elapid/train";
import { batchOf, below, type Task } from "./generated-batches.ts";

export interface MixedBatchesOptions {
  /** Tokens of a batch, about: short examples come in larger batches, up to `mostRows`, by default 64. */
  readonly tokens: number;
  readonly mostRows?: number;
  /** The first batches are of the first task alone; the others join one after the other, the last after so many batches. */
  readonly joined: number;
  readonly seed: number;
}

/** Batches without end, each of one of several tasks: batch `i` follows from the seed and `i`. */
export class MixedBatches implements BatchSource {
  position: DataPosition;
  readonly #tasks: readonly Task[];
  readonly #options: MixedBatchesOptions;

  constructor(tasks: readonly Task[], options: MixedBatchesOptions) {
    this.#tasks = tasks;
    this.#options = options;
    this.position = { seed: options.seed, epoch: 0, window: 0 };
  }

  next(): Batch {
    const { tokens, mostRows = 64, joined } = this.#options;
    const { seed, window } = this.position;
    this.position = { ...this.position, window: window + 1 };
    const random = randomSource(seed + window * 2 ** 32);
    const known = window >= joined ? this.#tasks.length : 1 + Math.floor(((this.#tasks.length - 1) * window) / joined);
    const task = this.#tasks[below(known, random)];
    const rows = Math.max(1, Math.min(mostRows, Math.floor(tokens / task.time)));
    return batchOf(Array.from({ length: rows }, () => task.example(random)));
  }
}
