/** Options of one read. */
export interface ReadOptions {
  /** Rejects the read with the signal's reason when it aborts. */
  readonly signal?: AbortSignal;
  /** Called while a long read goes on, with the bytes of this read that have arrived. */
  readonly onBytes?: (loaded: number) => void;
  /** At least `length` bytes to read into, for a source that would otherwise allocate. */
  readonly into?: Uint8Array;
}

/** Bytes of known size that can be read in any order: a file, a blob, a URL. */
export interface ByteSource {
  /** What messages call it: a path, a URL or a file name. */
  readonly name: string;
  /** Size in bytes. */
  readonly size: number;
  /**
   * Reads `length` bytes from `offset`. The result may share memory with the source and is not to be
   * written to.
   *
   * @throws RangeError if the range does not lie inside the source.
   */
  read(offset: number, length: number, options?: ReadOptions): Promise<Uint8Array>;
  /** Frees files and connections; reading afterwards fails. */
  close(): Promise<void>;
}

/**
 * Bytes in memory, or in a `Blob` such as a file dropped on a page, as a source.
 *
 * ```ts
 * const source = memorySource(new Uint8Array([1, 2, 3]), "three.bin");
 * await source.read(1, 2); // Uint8Array [2, 3]
 * ```
 */
export function memorySource(content: Uint8Array | Blob, name: string): ByteSource {
  const size = content instanceof Uint8Array ? content.byteLength : content.size;
  return {
    name,
    size,
    async read(offset, length, { signal } = {}) {
      signal?.throwIfAborted();
      checkRange(name, size, offset, length);
      if (content instanceof Uint8Array) return content.subarray(offset, offset + length);
      const bytes = new Uint8Array(await content.slice(offset, offset + length).arrayBuffer());
      signal?.throwIfAborted();
      return bytes;
    },
    close: async () => {},
  };
}

/**
 * Checks that a range lies inside a source.
 *
 * @throws RangeError if it does not.
 */
export function checkRange(name: string, size: number, offset: number, length: number): void {
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0) {
    throw new RangeError(`Cannot read "${name}": ${length} bytes at ${offset} is no range of bytes`);
  }
  if (offset + length > size) {
    throw new RangeError(`Cannot read "${name}": bytes ${offset} to ${offset + length} exceed its ${size} bytes`);
  }
}

/**
 * A buffer for `length` bytes of a source: a part of `into` if given, else a new one.
 *
 * @throws RangeError if there is no memory for it, or `into` is too small.
 */
export function allocate(name: string, length: number, into?: Uint8Array): Uint8Array {
  if (into && into.byteLength < length) {
    throw new RangeError(`Cannot read "${name}": ${length} bytes do not fit into a buffer of ${into.byteLength}`);
  }
  if (into) return into.subarray(0, length);
  try {
    return new Uint8Array(length);
  } catch (cause) {
    throw new RangeError(`Cannot read "${name}": no memory for ${length} bytes in one piece`, { cause });
  }
}
