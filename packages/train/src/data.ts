import { randomSource } from "@elapid/tensor";

/** Rows of tokens, and for each token the one that follows it; or rows of a signal, and what is to be said of it. */
export interface Batch {
  /** Tokens, or numbers as they are for a model that takes a signal. */
  readonly ids: Int32Array | Float32Array; // batch time
  /** -100 where nothing is to be predicted. */
  readonly labels: Int32Array; // batch time
  /**
   * Numbers of the documents that are packed into a row; each begins with states of its own. The first, where it is 0, goes on
   * with what is carried into the row. Absent: one a row.
   */
  readonly seqIdx?: Int32Array; // batch time
  /** The rows do not go on where the batch before ended, so that no state is carried into them. */
  readonly begins?: boolean;
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
  /** The token that begins a document, where documents must not see each other. Default: a window is one text. */
  readonly separatorId?: number | undefined;
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
  readonly #separatorId: number | undefined;
  #position: DataPosition;
  #order: Int32Array;

  constructor(tokens: Int32Array, { batch, time, seed = 0, separatorId }: TokenBatchesOptions) {
    requireSizes({ batch, time });
    this.#separatorId = separatorId;
    this.windows = Math.floor((tokens.length - 1) / time);
    if (this.windows < 1) {
      throw new RangeError(
        `Cannot make batches: there are ${tokens.length} tokens but one window of ${time} needs ${time + 1}`,
      );
    }
    this.#tokens = tokens;
    this.#batch = batch;
    this.#time = time;
    this.#position = checkedPosition({ seed, epoch: 0, window: 0 }, this.windows);
    this.#order = shuffled(this.windows, this.#position);
  }

  get position(): DataPosition {
    return this.#position;
  }

  set position(position: DataPosition) {
    this.#position = checkedPosition(position, this.windows);
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
    const starts = windows.map((window) => window * this.#time);
    return batchAt(this.#tokens, starts, this.#time, this.#separatorId);
  }
}

/** The rows that begin at some places of the tokens. */
export function batchAt(tokens: Int32Array, starts: readonly number[], time: number, separatorId?: number): Batch {
  const batch = starts.length;
  const ids = new Int32Array(batch * time);
  const labels = new Int32Array(batch * time);
  starts.forEach((start, row) => {
    ids.set(tokens.subarray(start, start + time), row * time);
    labels.set(tokens.subarray(start + 1, start + time + 1), row * time);
  });
  if (separatorId === undefined) return { ids, labels, batch, time };
  let document = 0;
  const seqIdx = ids.map((id, i) => {
    if (i % time === 0) document = 0;
    return id === separatorId ? ++document : document;
  });
  return { ids, labels, seqIdx, batch, time };
}

/** Whole numbers from 1 on. */
export function requireSizes(sizes: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(sizes)) {
    if (!(Number.isInteger(value) && value > 0)) {
      throw new RangeError(`Cannot make batches: ${name} is ${value} but a whole number from 1 on was needed`);
    }
  }
}

/** A position, if it is in data of that many windows. */
export function checkedPosition(position: DataPosition, windows: number): DataPosition {
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
