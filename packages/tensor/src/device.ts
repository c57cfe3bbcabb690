import type { Tape } from "./autograd.ts";
import type { Backend, DeviceKind, OpCall } from "./backend.ts";
import { dispose } from "./dispose.ts";
import { byteWidth, bytesOf, type DType } from "./dtype.ts";
import { DeviceLostError, UnsupportedError } from "./errors.ts";
import { Scope } from "./scope.ts";
import { checkShape, formatShape, sizeOf, type Shape } from "./shape.ts";
import { Storage } from "./storage.ts";
import { Tensor } from "./tensor.ts";

export interface DeviceOptions {
  /** Refuse an op that has no kernel here instead of running its reference on the host. Default `false`. */
  readonly strict?: boolean;
  /** Told once of every op that has no kernel here. Default: `console.warn`. */
  readonly onNotice?: (message: string) => void;
  /** Why it is this device and no other, for people. Default: `"asked for"`. */
  readonly reason?: string;
}

/** Where tensors live and ops run. Open one with `openDevice`; dispose of it when done. */
export class Device {
  /** Why it is this device and no other, for people. */
  readonly reason: string;
  readonly #backend: Backend;
  readonly #strict: boolean;
  readonly #onNotice: (message: string) => void;
  readonly #noticed = new Set<string>();
  #scope: Scope | undefined;
  #disposed = false;
  /** @internal Where ops note what their gradients will need; absent outside of `valueAndGrad`. */
  tape: Tape | undefined;

  constructor(backend: Backend, options: DeviceOptions = {}) {
    const { strict = false, onNotice = (message) => console.warn(message), reason = "asked for" } = options;
    this.#backend = backend;
    this.#strict = strict;
    this.#onNotice = onNotice;
    this.reason = reason;
  }

  get kind(): DeviceKind {
    return this.#backend.kind;
  }

  /** Adapter or SIMD build, and threads, for people. */
  get description(): string {
    return this.#backend.description;
  }

  /** Bytes held by tensors now. */
  get liveBytes(): number {
    return this.#backend.liveBytes;
  }

  /** The most bytes that were ever held at once. */
  get peakBytes(): number {
    return this.#backend.peakBytes;
  }

  /** Bytes to which views into a tensor must be aligned; others are copied. */
  get alignment(): number {
    return this.#backend.alignment;
  }

  /** A tensor of the given values: `device.tensor([1, 2, 3, 4], [2, 2])`. */
  tensor(values: Float32Array | Int32Array | readonly number[], shape?: Shape, dtype?: DType): Tensor {
    const kind = dtype ?? (values instanceof Int32Array ? "i32" : "f32");
    const dims = shape ?? [values.length];
    if (sizeOf(dims) !== values.length) {
      throw new TypeError(
        `Cannot make a tensor: shape ${formatShape(dims)} has ${sizeOf(dims)} elements but ${values.length} values were given`,
      );
    }
    const array =
      kind === "i32"
        ? values instanceof Int32Array
          ? values
          : Int32Array.from(values)
        : values instanceof Float32Array
          ? values
          : Float32Array.from(values);
    const tensor = this.empty(dims, kind);
    this.write(tensor, bytesOf(array));
    return tensor;
  }

  /** A tensor whose values are not set yet. */
  empty(shape: Shape, dtype: DType = "f32"): Tensor {
    this.#assertOpen("make a tensor");
    checkShape(shape, "Cannot make a tensor");
    const width = byteWidth(dtype);
    const row = shape.length > 1 ? (shape[shape.length - 1] ?? 1) : 1;
    const storage = new Storage(this.#backend, sizeOf(shape) * width, row * width);
    return this.adopt(new Tensor(this, storage, 0, shape, dtype));
  }

  /** A tensor of one value. */
  full(shape: Shape, value: number, dtype: DType = "f32"): Tensor {
    const size = sizeOf(shape);
    const values = dtype === "i32" ? new Int32Array(size) : new Float32Array(size);
    return this.tensor(value === 0 ? values : values.fill(value), shape, dtype);
  }

  zeros(shape: Shape, dtype: DType = "f32"): Tensor {
    return this.full(shape, 0, dtype);
  }

  /** Overwrites bytes of a tensor, so that weights can arrive in pieces. `offset` is in bytes. */
  write(tensor: Tensor, bytes: Uint8Array, offset = 0): void {
    this.#assertOpen("write");
    const { allocation, offset: start } = tensor.view;
    if (offset < 0 || offset + bytes.byteLength > tensor.byteLength) {
      throw new RangeError(
        `Cannot write: bytes ${offset} to ${offset + bytes.byteLength} do not fit into a tensor of ${tensor.byteLength} bytes`,
      );
    }
    if (bytes.byteLength > 0) this.#backend.write(allocation, start + offset, bytes);
  }

  /** Bytes of a tensor, after all work that was enqueued before. */
  async read(tensor: Tensor): Promise<Uint8Array> {
    this.#assertOpen("read");
    const { allocation, offset } = tensor.view;
    return tensor.byteLength === 0 ? new Uint8Array() : this.#backend.read(allocation, offset, tensor.byteLength);
  }

  /** Whether a `valueAndGrad` is following what runs: values computed beforehand would hide what they depend on. */
  get differentiating(): boolean {
    return this.tape !== undefined;
  }

  /** Starts a scope; it ends with the block that holds it: `using scope = device.scope()`. */
  scope(): Scope {
    this.#assertOpen("start a scope");
    return (this.#scope = new Scope(this, this.#scope));
  }

  /** Resolves when all work enqueued so far is done. */
  async finish(): Promise<void> {
    await this.#backend.finish();
  }

  /** @internal */
  endScope(scope: Scope): void {
    if (scope !== this.#scope) {
      throw new TypeError("Cannot end a scope: another one that started later is still open; end it before an await");
    }
    this.#scope = scope.parent;
  }

  /** @internal Registers a new tensor with the innermost scope. */
  adopt(tensor: Tensor): Tensor {
    this.#scope?.add(tensor);
    return tensor;
  }

  /** @internal */
  run(call: OpCall): void {
    this.#assertOpen(`run "${call.op.name}"`);
    if (Object.values(call.outputs).every(({ shape }) => sizeOf(shape) === 0)) return;
    if (this.#backend.run(call) === "kernel" || this.kind === "host") return;
    const { name } = call.op;
    const message = `"${name}" has no kernel on "${this.kind}" for these sizes; its reference runs on the host`;
    if (this.#strict) throw new UnsupportedError(`Cannot run "${name}": ${message}`);
    if (!this.#noticed.has(name)) {
      this.#noticed.add(name);
      this.#onNotice(message);
    }
  }

  /** Gives everything back. Tensors of this device cannot be used afterwards. */
  [dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#backend.dispose();
  }

  dispose(): void {
    this[dispose]();
  }

  #assertOpen(action: string): void {
    if (this.#disposed) throw new DeviceLostError(`Cannot ${action}: the device was disposed; open a new one`);
  }
}
