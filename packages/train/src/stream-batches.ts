import { batchAt, checkedPosition, requireSizes, type Batch, type BatchSource, type DataPosition } from "./data.ts";

export interface StreamBatchesOptions {
  /** Rows, each a part of the text of its own. */
  readonly batch: number;
  /** Tokens of a row that one batch has. */
  readonly time: number;
  /** The token that begins a document, where documents must not see each other. Default: a row is one text. */
  readonly separatorId?: number | undefined;
}

/**
 * Cuts tokens into as many parts as there are rows, and reads each from its beginning, so that a row goes on where it was in
 * the batch before: what `train` needs to carry states. A rest that fills no window is left out.
 *
 * @throws RangeError if there are too few tokens for one window in each row.
 */
export class StreamBatches implements BatchSource {
  /** Windows of a row, which are the batches of an epoch. */
  readonly windows: number;
  readonly #tokens: Int32Array;
  readonly #options: StreamBatchesOptions;
  #position: DataPosition = { seed: 0, epoch: 0, window: 0 };

  constructor(tokens: Int32Array, options: StreamBatchesOptions) {
    const { batch, time } = options;
    requireSizes({ batch, time });
    this.windows = Math.floor((tokens.length - 1) / (batch * time));
    if (this.windows < 1) {
      throw new RangeError(
        `Cannot make batches: there are ${tokens.length} tokens but ${batch} windows of ${time} need ${batch * time + 1}`,
      );
    }
    this.#tokens = tokens;
    this.#options = options;
  }

  get position(): DataPosition {
    return this.#position;
  }

  set position(position: DataPosition) {
    this.#position = checkedPosition(position, this.windows);
  }

  /** The next window of each row; after the last, the first of the next epoch. */
  next(): Batch {
    const { batch, time, separatorId } = this.#options;
    const { seed, epoch, window } = this.#position;
    if (window === this.windows) this.#position = { seed, epoch: epoch + 1, window: 0 };
    const at = this.#position.window;
    this.#position = { ...this.#position, window: at + 1 };
    const starts = Array.from({ length: batch }, (_, row) => (row * this.windows + at) * time);
    return { ...batchAt(this.#tokens, starts, time, separatorId), begins: at === 0 };
  }
}
