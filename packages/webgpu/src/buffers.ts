import type { Allocation } from "@elapid/tensor";

/** `GPUBufferUsage` and `GPUMapMode`: engines without WebGPU of their own do not have these as globals. */
export const usage = {
  mapRead: 0x1,
  copySource: 0x4,
  copyTarget: 0x8,
  uniform: 0x40,
  storage: 0x80,
} as const;

/** A range of a buffer. */
export interface Span {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly length: number;
}

/** Memory of tensors: one buffer, or several where the device's limit is smaller than the tensor. */
export class GpuMemory implements Allocation {
  readonly bytes: number;
  readonly buffers: readonly GPUBuffer[];
  /** Bytes of all buffers but the last. */
  readonly #partBytes: number;

  constructor(bytes: number, partBytes: number, buffers: readonly GPUBuffer[]) {
    this.bytes = bytes;
    this.#partBytes = partBytes;
    this.buffers = buffers;
  }

  /** Where bytes lie. An empty range has one empty span. */
  locate(offset: number, length: number): Span[] {
    if (length === 0) return [{ buffer: this.buffers[0], offset: 0, length: 0 }];
    const spans: Span[] = [];
    for (let at = offset; at < offset + length;) {
      const index = Math.floor(at / this.#partBytes);
      const end = Math.min(offset + length, (index + 1) * this.#partBytes);
      spans.push({ buffer: this.buffers[index], offset: at - index * this.#partBytes, length: end - at });
      at = end;
    }
    return spans;
  }
}

/**
 * Bytes of each part of memory that exceeds `limit`: as many rows of `unit` bytes as fit, in lots of which
 * even rows of one number fill `alignment`, so that a tensor with as many rows can be bound from there too.
 */
export function partBytes(bytes: number, unit: number, limit: number, alignment: number): number {
  if (bytes <= limit) return Math.max(bytes, 1);
  for (const step of [unit * (alignment / 4), unit, alignment]) {
    if (step <= limit) return Math.floor(limit / step) * step;
  }
  return limit;
}

/** Bytes of the buffer that serves a request: sixteen sizes an octave, so that requests of about one size share buffers. */
export function sizeClass(bytes: number): number {
  const octave = 2 ** Math.floor(Math.log2(Math.max(bytes, 1)));
  const step = Math.max(octave / 16, 256);
  return Math.max(Math.ceil(bytes / step) * step, 256);
}

/** Makes buffers and keeps those that were given back for the next request of their size, up to a bound. */
export class BufferPool {
  /** Bytes kept for reuse. */
  keptBytes = 0;
  readonly #create: (bytes: number) => GPUBuffer;
  readonly #discard: (buffer: GPUBuffer) => void;
  readonly #bound: () => number;
  /** By size, the size given back last at the end. */
  readonly #kept = new Map<number, GPUBuffer[]>();

  constructor(create: (bytes: number) => GPUBuffer, discard: (buffer: GPUBuffer) => void, bound: () => number) {
    this.#create = create;
    this.#discard = discard;
    this.#bound = bound;
  }

  /** A buffer of at least so many bytes; what it holds is not defined. */
  acquire(bytes: number): GPUBuffer {
    const size = sizeClass(bytes);
    const buffer = this.#kept.get(size)?.pop();
    if (buffer === undefined) return this.#create(size);
    this.keptBytes -= size;
    return buffer;
  }

  release(buffer: GPUBuffer): void {
    const { size } = buffer;
    const kept = this.#kept.get(size) ?? [];
    kept.push(buffer);
    this.#kept.delete(size);
    this.#kept.set(size, kept);
    this.keptBytes += size;
    this.trim(this.#bound());
  }

  /** Lets go of the sizes that were not asked for in the longest time until at most `bytes` are kept. */
  trim(bytes: number): void {
    for (const [size, kept] of this.#kept) {
      while (this.keptBytes > bytes && kept.length > 0) {
        this.#discard(kept.pop()!);
        this.keptBytes -= size;
      }
      if (kept.length > 0) return;
      this.#kept.delete(size);
    }
  }
}
