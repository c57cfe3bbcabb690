import { allocate, type ByteSource, type ReadOptions } from "./bytes.ts";
import { dtypeWidth, type StoredDType } from "./dtype.ts";
import { quote } from "./errors.ts";

/** What a file says about a tensor. */
export interface TensorInfo {
  readonly dtype: StoredDType;
  /** Sizes, row major, last axis fastest; empty for a single number. */
  readonly shape: readonly number[];
  /** Bytes of the tensor as {@link Weights.read} gives it. */
  readonly byteLength: number;
}

/** Options of {@link Weights.chunks}. */
export interface ChunkOptions {
  /** Rejects the reading with the signal's reason when it aborts. */
  readonly signal?: AbortSignal;
  /** At most so many bytes in a chunk, rounded down to a multiple of 8; 16 MiB if not given. */
  readonly chunkBytes?: number;
  /**
   * Holds each chunk in turn, so that reading allocates nothing; a chunk is then valid until the next one is
   * asked for, and no larger than the buffer.
   */
  readonly buffer?: Uint8Array;
}

/**
 * The tensors of a checkpoint, whatever its format. Nothing but the headers is read before it is asked
 * for, so memory holds one tensor, or one chunk, at a time.
 *
 * ```ts
 * for (const [name, { dtype }] of weights.tensors) {
 *   const values = toFloat32(await weights.read(name), dtype);
 * }
 * await weights.close();
 * ```
 */
export interface Weights {
  /** What messages call it: the file's path, URL or name. */
  readonly name: string;
  readonly format: "safetensors" | "pytorch";
  /** Text that the file carries beside its tensors. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Every tensor by name. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /**
   * The bytes of a tensor: row major, without gaps, little-endian. They may share memory with the source
   * and are not to be written to.
   *
   * @throws RangeError if there is no such tensor.
   */
  read(tensor: string, options?: { readonly signal?: AbortSignal }): Promise<Uint8Array>;
  /**
   * The bytes of a tensor in pieces of at most 16 MiB, each of whole elements.
   *
   * @throws RangeError if there is no such tensor.
   */
  chunks(tensor: string, options?: ChunkOptions): AsyncIterable<Uint8Array>;
  /** Closes the files. */
  close(): Promise<void>;
}

/** {@link ChunkOptions} with `chunkBytes` settled: a multiple of 8, within the buffer. */
export type StoredChunkOptions = ChunkOptions & { readonly chunkBytes: number };

/** A tensor that knows how to get its bytes. */
export interface StoredTensor extends TensorInfo {
  chunks(options: StoredChunkOptions): AsyncIterable<Uint8Array>;
  /** The bytes in one read, where the format has them in one piece. */
  whole?(signal: AbortSignal | undefined): Promise<Uint8Array>;
}

const CHUNK_BYTES = 16 * 2 ** 20;

/** Makes {@link Weights} of tensors that know how to get their bytes. */
export function weightsOf(
  { name, format, metadata }: Pick<Weights, "name" | "format" | "metadata">,
  tensors: ReadonlyMap<string, StoredTensor>,
  close: () => Promise<void>,
): Weights {
  const find = (tensor: string): StoredTensor => {
    const found = tensors.get(tensor);
    if (!found) throw new RangeError(`Cannot read tensor ${quote(tensor)}: "${name}" holds none of this name`);
    return found;
  };
  return {
    name,
    format,
    metadata,
    tensors,
    async read(tensor, { signal } = {}) {
      const stored = find(tensor);
      if (stored.whole) return stored.whole(signal);
      const bytes = allocate(name, stored.byteLength);
      let at = 0;
      for await (const chunk of stored.chunks({ chunkBytes: CHUNK_BYTES, signal })) {
        bytes.set(chunk, at);
        at += chunk.byteLength;
      }
      return bytes;
    },
    chunks(tensor, { signal, buffer, chunkBytes = CHUNK_BYTES } = {}) {
      const most = Math.min(chunkBytes, buffer?.byteLength ?? Infinity);
      if (!(most >= 8)) {
        throw new RangeError(`Cannot read tensor ${quote(tensor)}: a chunk has ${most} bytes, at least 8 are needed`);
      }
      return find(tensor).chunks({ chunkBytes: Math.floor(most / 8) * 8, signal, buffer });
    },
    close,
  };
}

/** A tensor whose bytes lie in one piece at a place that may have to be looked up. */
export function pieceOf(
  source: ByteSource,
  info: TensorInfo,
  locate: (options: ReadOptions) => Promise<number>,
): StoredTensor {
  const { dtype, shape, byteLength } = info;
  return {
    dtype,
    shape,
    byteLength,
    async *chunks({ chunkBytes, signal, buffer }) {
      const start = await locate({ signal });
      for (let at = 0; at < byteLength; at += chunkBytes) {
        yield await source.read(start + at, Math.min(chunkBytes, byteLength - at), { signal, into: buffer });
      }
    },
    whole: async (signal) => source.read(await locate({ signal }), byteLength, { signal }),
  };
}

/**
 * Bytes that a tensor of this shape takes, or `undefined` if a size is no whole number or the product is
 * beyond what a number can count.
 */
export function byteLengthOf(dtype: StoredDType, shape: readonly unknown[]): number | undefined {
  let bytes = dtypeWidth(dtype);
  for (const size of shape) {
    if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) return undefined;
    bytes *= size;
    if (!Number.isSafeInteger(bytes)) return undefined;
  }
  return bytes;
}
