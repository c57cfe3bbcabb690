import type { View } from "./backend.ts";
import type { Device } from "./device.ts";
import { dispose } from "./dispose.ts";
import { byteLength, isPlain, viewAs, type ArrayOf, type DType } from "./dtype.ts";
import { add, mul } from "./elementary/binary.ts";
import { slice } from "./elementary/slice.ts";
import { exp, neg } from "./elementary/unary.ts";
import { TensorDisposedError } from "./errors.ts";
import { bindDims, formatShape, parseDims, sizeOf, type Dims, type Shape } from "./shape.ts";
import type { Place } from "./recorder.ts";
import type { Storage } from "./storage.ts";
import { decodeWeights } from "./weights/weights.ts";

/**
 * Numbers on a device: contiguous, row major, last dimension fastest. A tensor is a value: ops make
 * new ones, and only `assign` gives one other numbers. It holds its memory until it, or the scope it
 * was made in, is disposed.
 */
export class Tensor {
  readonly device: Device;
  readonly shape: Shape;
  readonly dtype: DType;
  #storage: Storage;
  #offset: number;
  #version = 0;
  #disposed = false;

  /** @internal Takes over one reference to `storage`; use `device.tensor` to make one. */
  constructor(device: Device, storage: Storage, offset: number, shape: Shape, dtype: DType) {
    this.device = device;
    this.#storage = storage;
    this.#offset = offset;
    this.shape = shape;
    this.dtype = dtype;
  }

  get size(): number {
    return sizeOf(this.shape);
  }

  get byteLength(): number {
    return byteLength(this.dtype, this.shape);
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** How often `assign` gave it other values; what was computed from an earlier version is out of date. */
  get version(): number {
    return this.#version;
  }

  /** @internal */
  get view(): View {
    this.#assertAlive("use");
    this.device.recorder?.use(this.#storage);
    return { allocation: this.#storage.allocation, offset: this.#offset, shape: this.shape, dtype: this.dtype };
  }

  /** @internal */
  get place(): Place {
    return { storage: this.#storage, offset: this.#offset };
  }

  /**
   * Sizes by name: `const { batch, time } = x.dims("batch time inner")`.
   *
   * @throws TypeError if the rank differs.
   */
  dims<const S extends string>(names: S): Dims<S> {
    const bound = new Map<string, { size: number; owner: string }>();
    bindDims(parseDims(names), this.shape, "the tensor", bound, `Cannot take dims "${names}"`);
    const sizes: Record<string, number> = {};
    for (const [name, { size }] of bound) sizes[name] = size;
    return sizes as Dims<S>;
  }

  /** The values, on the host, once everything they depend on has run. */
  async data(): Promise<ArrayOf<DType>> {
    this.#assertAlive("read");
    const bytes = await this.device.read(this);
    return this.dtype === "i32" ? viewAs("i32", bytes) : decodeWeights(bytes, this.shape, this.dtype);
  }

  /** The same values under another shape, without a copy. One length may be -1. */
  reshape(shape: Shape): Tensor {
    const known = shape.reduce((product, length) => (length === -1 ? product : product * length), 1);
    const full = shape.map((length) => (length === -1 ? this.size / known : length));
    if (sizeOf(full) !== this.size || !full.every(Number.isInteger)) {
      throw new TypeError(
        `Cannot reshape: ${formatShape(this.shape)} has ${this.size} elements, which ${formatShape(shape)} cannot hold`,
      );
    }
    if (formatShape(full) !== formatShape(this.shape)) this.#assertPlain("reshape");
    return this.#at(0, full);
  }

  /** A second hold on the same values, with a life of its own. */
  share(): Tensor {
    return this.#at(0, this.shape);
  }

  /** @internal A second hold that belongs to no scope. */
  hold(): Tensor {
    this.#assertAlive("use");
    return new Tensor(this.device, this.#storage.retain(), this.#offset, this.shape, this.dtype);
  }

  /** Elements `start` to `end` along `axis`: a view where the memory allows it, else a copy. */
  slice(axis: number, start: number, end: number): Tensor {
    const length = this.shape[axis];
    if (length === undefined) throw new RangeError(`Cannot slice: axis ${axis} is not in ${formatShape(this.shape)}`);
    if (!(Number.isInteger(start) && Number.isInteger(end) && 0 <= start && start <= end && end <= length)) {
      throw new RangeError(
        `Cannot slice: ${start} to ${end} is not inside dimension ${axis} of ${formatShape(this.shape)}`,
      );
    }
    const outer = sizeOf(this.shape.slice(0, axis));
    const inner = sizeOf(this.shape.slice(axis + 1));
    const shape = this.shape.with(axis, end - start);
    if (start === 0 && end === length) return this.#at(0, shape);
    this.#assertPlain("slice");
    const offset = start * inner * 4;
    // a tape has no way to put the gradient of a view in its place
    const isView =
      outer === 1 && (this.#offset + offset) % this.device.alignment === 0 && this.device.tape === undefined;
    if (isView) return this.#at(offset, shape);
    using flat = this.#at(0, [outer, length, inner]);
    using part = slice(flat, start, end - start);
    return part.reshape(shape);
  }

  /** Cuts the last dimension into consecutive parts of the given sizes. */
  split(sizes: readonly number[]): Tensor[] {
    const axis = this.shape.length - 1;
    const total = sizes.reduce((sum, size) => sum + size, 0);
    if (total !== this.shape[axis]) {
      throw new TypeError(
        `Cannot split: parts ${formatShape(sizes)} add up to ${total}, the last dimension of ${formatShape(this.shape)} does not`,
      );
    }
    const { device } = this;
    const { tape } = device;
    let start = 0;
    device.tape = undefined; // which takes the parts together: their gradients are joined, not padded and added
    try {
      const parts = sizes.map((size) => this.slice(axis, start, (start += size)));
      tape?.recordSplit(this, parts, axis);
      return parts;
    } finally {
      device.tape = tape;
    }
  }

  /** Sum, elementwise; the smaller operand is repeated along the leading dimensions of the larger. */
  add(other: Tensor): Tensor {
    return add(this, other);
  }

  /** Product, elementwise; the smaller operand is repeated along the leading dimensions of the larger. */
  mul(other: Tensor): Tensor {
    return mul(this, other);
  }

  exp(): Tensor {
    return exp(this);
  }

  neg(): Tensor {
    return neg(this);
  }

  /**
   * Takes over the values of `next`, which is disposed: how an optimiser updates a parameter. Nothing is copied.
   * Whoever shares the values of before, a view or a tape, keeps them.
   *
   * In a function that `device.record` runs, every replay assigns again.
   *
   * @throws TypeError if `next` has another shape or dtype or is on another device, if a recorded program works on the
   * tensor, or while a gradient is taken.
   */
  assign(next: Tensor): void {
    this.#assertAlive("assign to");
    next.#assertAlive("assign");
    if (next === this) return;
    if (next.device !== this.device) throw new TypeError("Cannot assign to a tensor: the values are on another device");
    if (next.dtype !== this.dtype || formatShape(next.shape) !== formatShape(this.shape)) {
      throw new TypeError(
        `Cannot assign to a tensor: the values are ${next.dtype} ${formatShape(next.shape)} but ${this.dtype} ${formatShape(this.shape)} was needed`,
      );
    }
    if (this.device.differentiating) {
      throw new TypeError("Cannot assign to a tensor: a valueAndGrad that may follow it is running");
    }
    if (this.#storage.programs > 0) {
      throw new TypeError(
        "Cannot assign to a tensor: a recorded program works on its memory; overwrite that with device.write, or dispose of the program",
      );
    }
    this.device.recorder?.assigns(this, this.place);
    this.moveTo(next.place);
    next.dispose();
  }

  /** @internal Takes other memory for its own. */
  moveTo({ storage, offset }: Place): void {
    if (this.#disposed) return;
    storage.retain();
    this.#storage.release();
    this.#storage = storage;
    this.#offset = offset;
    this.#version++;
  }

  /** Lets go of the memory; other tensors that share it keep theirs. Doing it twice does no harm. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#storage.release();
  }

  [dispose](): void {
    this.dispose();
  }

  #at(offset: number, shape: Shape): Tensor {
    this.#assertAlive("use");
    const view = this.device.adopt(
      new Tensor(this.device, this.#storage.retain(), this.#offset + offset, shape, this.dtype),
    );
    this.device.tape?.recordReshape(this, view);
    return view;
  }

  #assertPlain(action: string): void {
    if (isPlain(this.dtype)) return;
    throw new TypeError(`Cannot ${action} weights: they are ${this.dtype}, which is read as a whole; f32 can be cut`);
  }

  #assertAlive(action: string): void {
    if (this.#disposed) {
      throw new TensorDisposedError(
        `Cannot ${action} a tensor of shape ${formatShape(this.shape)}: it was disposed, or its scope has ended`,
      );
    }
  }
}

/** @internal The tensors in a tree of plain objects and arrays. */
export function tensorsIn(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(tensorsIn);
}
