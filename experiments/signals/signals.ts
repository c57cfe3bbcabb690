import { randomSource } from "@elapid/tensor";
import type { Batch, BatchSource, DataPosition } from "@elapid/train";

/** Signals of one length, each of a class. */
export interface Signals {
  readonly classes: number;
  /** Numbers of a signal. */
  readonly time: number;
  /** One signal after the other. */
  readonly values: Float32Array; // signal time
  readonly labels: Uint8Array; // signal
}

const IGNORED = -100;

/** Signals of some numbers as a batch: the class is asked for at the last step. */
function batchOf({ values, labels, time }: Signals, chosen: readonly number[]): Batch {
  const ids = new Float32Array(chosen.length * time);
  const answers = new Int32Array(chosen.length * time).fill(IGNORED);
  chosen.forEach((signal, row) => {
    ids.set(values.subarray(signal * time, (signal + 1) * time), row * time);
    answers[(row + 1) * time - 1] = labels[signal];
  });
  return { ids, labels: answers, batch: chosen.length, time };
}

/** All signals once, in their order. */
export function batchesOf(signals: Signals, size: number): Batch[] {
  const count = signals.labels.length;
  return Array.from({ length: Math.ceil(count / size) }, (_, i) =>
    batchOf(
      signals,
      Array.from({ length: Math.min(size, count - i * size) }, (_, row) => i * size + row),
    ),
  );
}

/** Signals drawn with replacement: batch `i` follows from the seed and `i`. */
export class SignalBatches implements BatchSource {
  position: DataPosition;
  readonly #signals: Signals;
  readonly #batch: number;

  constructor(signals: Signals, { batch, seed }: { readonly batch: number; readonly seed: number }) {
    this.#signals = signals;
    this.#batch = batch;
    this.position = { seed, epoch: 0, window: 0 };
  }

  next(): Batch {
    const { seed, window } = this.position;
    this.position = { ...this.position, window: window + 1 };
    const random = randomSource(seed + window * 2 ** 32);
    const count = this.#signals.labels.length;
    return batchOf(
      this.#signals,
      Array.from({ length: this.#batch }, () => Math.floor(random.next() * count)),
    );
  }
}
