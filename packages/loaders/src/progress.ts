import type { ByteSource } from "./bytes.ts";

/** How far the reading of a file has come. `loaded` never falls and ends at `total`. */
export interface LoadProgress {
  /** The file's name in its folder, such as `model.safetensors`. */
  readonly file: string;
  /** Bytes that have been read. */
  readonly loaded: number;
  /** Bytes of the file. */
  readonly total: number;
}

/** Counts which bytes of a file have been read, each once, and tells `onProgress`. */
export class ProgressCounter {
  readonly #file: string;
  readonly #onProgress: ((progress: LoadProgress) => void) | undefined;
  /** What has been read, as ranges in order that do not touch. */
  #ranges: { from: number; to: number }[] = [];
  #loaded = 0;

  constructor(file: string, onProgress?: (progress: LoadProgress) => void) {
    this.#file = file;
    this.#onProgress = onProgress;
  }

  /** Counts the bytes `[from, to)` of a file of `total` bytes. */
  add(from: number, to: number, total: number): void {
    if (!this.#onProgress) return;
    const apart = this.#ranges.filter((range) => range.to < from || range.from > to);
    const touching = this.#ranges.filter((range) => range.to >= from && range.from <= to);
    const merged = {
      from: Math.min(from, ...touching.map((range) => range.from)),
      to: Math.max(to, ...touching.map((range) => range.to)),
    };
    this.#ranges = [...apart, merged].toSorted((a, b) => a.from - b.from);

    const loaded = this.#ranges.reduce((sum, range) => sum + range.to - range.from, 0);
    if (loaded <= this.#loaded) return;
    this.#loaded = loaded;
    this.#onProgress({ file: this.#file, loaded, total });
  }
}

/** A source that counts what is read of it, and that `signal` stops beside the signal of each read. */
export function observed(source: ByteSource, counter: ProgressCounter, signal?: AbortSignal): ByteSource {
  const { name, size } = source;
  return {
    name,
    size,
    async read(offset, length, options = {}) {
      const signals = [signal, options.signal].filter((one) => one !== undefined);
      const either = signals.length === 2 ? AbortSignal.any(signals) : signals[0];
      either?.throwIfAborted();
      const bytes = await source.read(offset, length, {
        ...options,
        signal: either,
        onBytes: (loaded) => {
          counter.add(offset, offset + loaded, size);
          options.onBytes?.(loaded);
        },
      });
      counter.add(offset, offset + length, size);
      return bytes;
    },
    close: () => source.close(),
  };
}
