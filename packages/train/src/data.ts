import { randomSource } from "@elapid/tensor";

/** Rows of tokens, and for each token the one that follows it. */
export interface Batch {
  readonly ids: Int32Array; // batch time
  /** -100 where nothing is to be predicted. */
  readonly labels: Int32Array; // batch time
  readonly batch: number;
  readonly time: number;
}

/** Where in the data a run is; with the same tokens and sizes it gives the same batches from there on. */
export interface DataPosition {
  readonly seed: number;
  readonly epoch: number;
  /** Windows of this epoch that were handed out. */
  readonly window: number;
}

/** What a training run takes its batches from. */
export interface BatchSource {
  /** May be set, to go on from where another run was. */
  position: DataPosition;
  next(): Batch;
}

export interface ReadTokensOptions {
  /** Put before every document: the id of `<|endoftext|>`, say. */
  readonly separatorId?: number;
  readonly signal?: AbortSignal;
}

/**
 * The tokens of all documents in a row, encoded as they come.
 *
 * ```ts
 * const tokens = await readTokens(splitDocuments(readText("stories.txt.gz"), "<|endoftext|>"), encode, { separatorId: 0 });
 * ```
 *
 * @throws RangeError if there are none.
 */
export async function readTokens(
  documents: AsyncIterable<string> | Iterable<string>,
  encode: (text: string) => ArrayLike<number>,
  { separatorId, signal }: ReadTokensOptions = {},
): Promise<Int32Array> {
  let tokens = new Int32Array(1024);
  let count = 0;
  for await (const document of documents) {
    signal?.throwIfAborted();
    const ids = encode(document);
    const separators = separatorId === undefined ? 0 : 1;
    const needed = count + separators + ids.length;
    if (needed > tokens.length) {
      const larger = new Int32Array(Math.max(needed, 2 * tokens.length));
      larger.set(tokens.subarray(0, count));
      tokens = larger;
    }
    if (separatorId !== undefined) tokens[count] = separatorId;
    tokens.set(ids, count + separators);
    count = needed;
  }
  if (count === 0) throw new RangeError("Cannot read tokens: there is no text");
  return tokens.subarray(0, count);
}

/** Tokens of text that are its UTF-8 bytes. */
export function encodeBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export interface TokenBatchesOptions {
  /** Windows in a batch. */
  readonly batch: number;
  /** Tokens in a window. */
  readonly time: number;
  /** Order of the windows: another one in each epoch, the same for the same seed. Default 0. */
  readonly seed?: number;
}

/**
 * Cuts tokens into windows that follow each other without overlap, and hands them out in an order that the seed and the
 * epoch settle. Every window comes once an epoch; a rest that fills no window is left out.
 *
 * ```ts
 * const data = new TokenBatches(tokens, { batch: 8, time: 256, seed: 7 });
 * const { ids, labels } = data.next();
 * ```
 *
 * @throws RangeError if there are too few tokens for one window.
 */
export class TokenBatches implements BatchSource {
  /** Windows in an epoch. */
  readonly windows: number;
  readonly #tokens: Int32Array;
  readonly #batch: number;
  readonly #time: number;
  #position: DataPosition;
  #order: Int32Array;

  constructor(tokens: Int32Array, { batch, time, seed = 0 }: TokenBatchesOptions) {
    for (const [name, value] of Object.entries({ batch, time })) {
      if (!(Number.isInteger(value) && value > 0)) {
        throw new RangeError(`Cannot make batches: ${name} is ${value} but a whole number from 1 on was needed`);
      }
    }
    this.windows = Math.floor((tokens.length - 1) / time);
    if (this.windows < 1) {
      throw new RangeError(
        `Cannot make batches: there are ${tokens.length} tokens but one window of ${time} needs ${time + 1}`,
      );
    }
    this.#tokens = tokens;
    this.#batch = batch;
    this.#time = time;
    this.#position = checked({ seed, epoch: 0, window: 0 }, this.windows);
    this.#order = shuffled(this.windows, this.#position);
  }

  get position(): DataPosition {
    return this.#position;
  }

  set position(position: DataPosition) {
    this.#position = checked(position, this.windows);
    this.#order = shuffled(this.windows, position);
  }

  /** The next batch; one that reaches the end of an epoch goes on with the next. */
  next(): Batch {
    const chosen = Array.from({ length: this.#batch }, () => {
      const { seed, epoch, window } = this.#position;
      if (window === this.windows) this.position = { seed, epoch: epoch + 1, window: 0 };
      const index = this.#order[this.#position.window];
      this.#position = { ...this.#position, window: this.#position.window + 1 };
      return index;
    });
    return this.#batchOf(chosen);
  }

  /** Every window once, in the order of the text, for evaluation; the position stays. */
  *inOrder(): Generator<Batch> {
    for (let start = 0; start < this.windows; start += this.#batch) {
      const length = Math.min(this.#batch, this.windows - start);
      yield this.#batchOf(Array.from({ length }, (_, i) => start + i));
    }
  }

  #batchOf(windows: readonly number[]): Batch {
    const time = this.#time;
    const ids = new Int32Array(windows.length * time);
    const labels = new Int32Array(windows.length * time);
    windows.forEach((window, row) => {
      const start = window * time;
      ids.set(this.#tokens.subarray(start, start + time), row * time);
      labels.set(this.#tokens.subarray(start + 1, start + time + 1), row * time);
    });
    return { ids, labels, batch: windows.length, time };
  }
}

function checked(position: DataPosition, windows: number): DataPosition {
  const { seed, epoch, window } = position;
  const isIndex = (value: number, most: number) => Number.isInteger(value) && value >= 0 && value <= most;
  if (!isIndex(seed, 2 ** 32 - 1)) {
    throw new RangeError(`Cannot take batches: the seed is ${seed} but a whole number below 2^32 was needed`);
  }
  if (!isIndex(epoch, 2 ** 20) || !isIndex(window, windows)) {
    throw new RangeError(
      `Cannot take batches: window ${window} of epoch ${epoch} is not in data with ${windows} windows`,
    );
  }
  return { seed, epoch, window };
}

/** An order of windows (Fisher-Yates) that seed and epoch settle. */
function shuffled(windows: number, { seed, epoch }: DataPosition): Int32Array {
  const random = randomSource(seed + epoch * 2 ** 32);
  const order = Int32Array.from({ length: windows }, (_, i) => i);
  for (let i = windows - 1; i > 0; i--) {
    const j = Math.floor(random.next() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
