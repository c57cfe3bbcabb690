import type { Backend, DeviceKind, OpCall } from "./backend.ts";
import { dispose } from "./dispose.ts";
import { byteLength, bytesOf, rowUnit, type DType } from "./dtype.ts";
import { DeviceLostError, UnsupportedError } from "./errors.ts";
import { Program, replayOneByOne } from "./program.ts";
import { Recorder } from "./recorder.ts";
import { Scope } from "./scope.ts";
import { checkShape, formatShape, sizeOf, type Shape } from "./shape.ts";
import { Storage, type Memory } from "./storage.ts";
import type { Tape } from "./tape.ts";
import { Tensor, tensorsIn } from "./tensor.ts";
import type { OpWatcher } from "./watch.ts";
import { encodeWeights } from "./weights/weights.ts";

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
  /** @internal Told of every op that ran. */
  watcher: OpWatcher | undefined;
  /** @internal Where a program that is being recorded is noted. */
  recorder: Recorder | undefined;

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

  /** A tensor of the given values: `device.tensor([1, 2, 3, 4], [2, 2])`. A dtype of weights rounds them to what it holds. */
  tensor(values: Float32Array | Int32Array | readonly number[], shape?: Shape, dtype?: DType): Tensor {
    const kind = dtype ?? (values instanceof Int32Array ? "i32" : "f32");
    const dims = shape ?? [values.length];
    if (sizeOf(dims) !== values.length) {
      throw new TypeError(
        `Cannot make a tensor: shape ${formatShape(dims)} has ${sizeOf(dims)} elements but ${values.length} values were given`,
      );
    }
    const bytes =
      kind === "i32"
        ? bytesOf(values instanceof Int32Array ? values : Int32Array.from(values))
        : encodeWeights(values instanceof Float32Array ? values : Float32Array.from(values), dims, kind);
    // a program holds given values as they are: the memory is not one that its ops use before
    const tensor = this.#make(dims, kind, this.#backend);
    this.#write(tensor, bytes, 0);
    return tensor;
  }

  /** A tensor whose values are not set yet. */
  empty(shape: Shape, dtype: DType = "f32"): Tensor {
    return this.#make(shape, dtype, this.recorder?.arena ?? this.#backend);
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
    if (this.recorder !== undefined) {
      throw new TypeError("Cannot write: a program is being recorded; write before it is replayed");
    }
    this.#write(tensor, bytes, offset);
  }

  #write(tensor: Tensor, bytes: Uint8Array, offset: number): void {
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
    if (this.recorder !== undefined) {
      throw new TypeError("Cannot read: a program is being recorded; read what it gives when it is");
    }
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

  /**
   * Runs `fn` once and gives a program that runs the same ops on the same memory again, without what JavaScript does for
   * each of them. Shapes and attributes stay as they were. Inputs change by `device.write`, results by a replay.
   *
   * ```ts
   * const ids = device.tensor(Int32Array.of(7), [1, 1]);
   * using program = device.record(() => model.forward(ids).logits);
   * device.write(ids, bytesOf(Int32Array.of(8)));
   * program.replay();
   * await program.outputs.data();
   * ```
   *
   * What `fn` assigns to a tensor from outside, a state or a parameter, every replay assigns again.
   *
   * @throws TypeError if `fn` reads, writes or waits, or another program is being recorded.
   */
  record<T>(fn: () => T): Program<T> {
    this.#assertOpen("record");
    this.#assertNotRecording("record");
    const recorder = (this.recorder = new Recorder(this.#backend));
    try {
      using scope = this.scope();
      const outputs = fn();
      if (outputs instanceof Promise) throw new TypeError("Cannot record: the function waits; it must return at once");
      const { calls, carries } = recorder.turns();
      const turns = calls.map((list) => this.#backend.record?.(list) ?? replayOneByOne(list, (call) => this.run(call)));
      recorder.pin(carries);
      const tensors = tensorsIn(outputs).filter((tensor) => scope.release(tensor));
      const assertReady = () => {
        this.#assertOpen("replay a program");
        this.#assertNotRecording("replay a program");
        if (this.differentiating) throw new TypeError("Cannot replay a program: a valueAndGrad does not see its ops");
      };
      return new Program({ outputs, tensors, turns, carries, assertReady, close: () => recorder.close(true) });
    } catch (error) {
      recorder.close(false);
      throw error;
    } finally {
      this.recorder = undefined;
    }
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
    this.recorder?.calls.push(call);
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

  #make(shape: Shape, dtype: DType, memory: Memory): Tensor {
    this.#assertOpen("make a tensor");
    checkShape(shape, "Cannot make a tensor");
    const rows = shape.slice(0, shape.findLastIndex((length) => length > 1) + 1); // a row of one element is no row
    const storage = new Storage(memory, byteLength(dtype, shape), rowUnit(dtype, rows).bytes);
    return this.adopt(new Tensor(this, storage, 0, shape, dtype));
  }

  #assertNotRecording(action: string): void {
    if (this.recorder !== undefined) throw new TypeError(`Cannot ${action}: a program is being recorded`);
  }

  #assertOpen(action: string): void {
    if (this.#disposed) throw new DeviceLostError(`Cannot ${action}: the device was disposed; open a new one`);
  }
}
