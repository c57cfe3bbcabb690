import type { OpCall, Recording } from "./backend.ts";
import { dispose } from "./dispose.ts";
import type { Carry } from "./recorder.ts";
import type { Tensor } from "./tensor.ts";

/** What a program is made of; `close` gives back its memory. */
interface ProgramParts<T> {
  readonly outputs: T;
  readonly tensors: readonly Tensor[];
  /** What to replay next, in turn. */
  readonly turns: readonly Recording[];
  readonly carries: readonly Carry[];
  readonly assertReady: () => void;
  readonly close: () => void;
}

/**
 * The ops of a function, recorded once by `device.record` and replayed on the same memory. Every replay computes what the
 * function would: it reads what is in its inputs now, overwrites what it gave before, and assigns again what it assigned.
 */
export class Program<T> {
  /** What the function returned. Its tensors belong to the program, and each replay overwrites them. */
  readonly outputs: T;
  readonly #parts: ProgramParts<T>;
  #replays = 0;
  #disposed = false;

  /** @internal Use `device.record`. */
  constructor(parts: ProgramParts<T>) {
    this.outputs = parts.outputs;
    this.#parts = parts;
  }

  /**
   * Enqueues all of the ops again. Nothing is allocated.
   *
   * @throws TypeError if the program was disposed, or while another is recorded or a gradient is taken.
   */
  replay(): void {
    if (this.#disposed) throw new TypeError("Cannot replay a program: it was disposed");
    const { turns, carries, assertReady } = this.#parts;
    assertReady();
    const turn = this.#replays++ % turns.length;
    turns[turn].replay();
    for (const { tensor, places } of carries) tensor.moveTo(places[turn]);
  }

  /** Gives the memory back. Tensors that were assigned to keep their last values. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const turn of this.#parts.turns) turn.dispose();
    for (const tensor of this.#parts.tensors) tensor.dispose();
    this.#parts.close();
  }

  [dispose](): void {
    this.dispose();
  }
}

/** A recording for a backend that has none of its own: it runs the calls one by one. */
export function replayOneByOne(calls: readonly OpCall[], run: (call: OpCall) => void): Recording {
  return { replay: () => calls.forEach(run), dispose: () => {} };
}
