import {
  DeviceLostError,
  OutOfMemoryError,
  byteLength,
  runReference,
  type Allocation,
  type Backend,
  type OpCall,
  type Recording,
} from "@elapid/tensor";
import { BufferPool, GpuMemory, partBytes, usage } from "./buffers.ts";
import { CommandQueue } from "./dispatch.ts";
import { Faults } from "./faults.ts";
import { FORWARD_PROGRESS } from "./forward-progress.ts";
import type { Kernel, KernelContext } from "./kernel.ts";
import { locate, piecesOf, type Piece } from "./pieces.ts";
import { PipelineCache } from "./pipelines.ts";
import { makePlan, planKey, type Plan } from "./plan.ts";
import { recordSteps, type Dispatch, type Step } from "./recording.ts";

/** What a WebGPU backend is made of. */
export interface BackendOptions {
  readonly kernels: readonly Kernel[];
  readonly description: string;
  /** Bytes of the largest buffer that a kernel binds; larger tensors are cut. Default: what the device grants. */
  readonly maxBindingBytes?: number | undefined;
  /** Bytes that tensors may hold at once. Default: whatever the device has. */
  readonly maxBytes?: number | undefined;
  /** Whether a workgroup that has begun goes on while others wait for it. Default `false`: WebGPU does not promise it. */
  readonly forwardProgress?: boolean | undefined;
}

const MEBIBYTE = 2 ** 20;
/** What memory of tensors is used for. */
const TENSOR = usage.storage | usage.uniform | usage.copySource | usage.copyTarget;
/** Plans kept; each holds a small uniform buffer. */
const MAX_PLANS = 2048;

/** Runs WGSL kernels on a `GPUDevice`, which it owns from then on. */
export class WebGpuBackend implements Backend {
  readonly kind = "webgpu";
  readonly description: string;
  readonly alignment: number;
  liveBytes = 0;
  peakBytes = 0;
  readonly #device: GPUDevice;
  readonly #kernels = new Map<string, Kernel[]>();
  readonly #faults: Faults;
  readonly #queue: CommandQueue;
  readonly #pool: BufferPool;
  readonly #pipelines: PipelineCache;
  readonly #plans = new Map<string, Plan>();
  readonly #features: ReadonlySet<string>;
  readonly #partLimit: number;
  readonly #maxBytes: number;
  /** Why nothing can be done any more. */
  #gone: string | undefined;

  constructor(
    device: GPUDevice,
    { kernels, description, maxBindingBytes = Infinity, maxBytes = Infinity, forwardProgress = false }: BackendOptions,
  ) {
    const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
    const { minStorageBufferOffsetAlignment, minUniformBufferOffsetAlignment } = device.limits;
    this.#device = device;
    this.description = description;
    this.alignment = Math.max(minStorageBufferOffsetAlignment, minUniformBufferOffsetAlignment);
    this.#partLimit = Math.min(maxBindingBytes, maxBufferSize, maxStorageBufferBindingSize);
    this.#maxBytes = maxBytes;
    const features = device.features as ReadonlySet<string>;
    this.#features = forwardProgress ? new Set([...features, FORWARD_PROGRESS]) : features;
    for (const kernel of kernels) {
      const { name } = kernel.op;
      this.#kernels.set(name, [...(this.#kernels.get(name) ?? []), kernel]);
    }
    this.#faults = new Faults(device);
    this.#queue = new CommandQueue(device, this.#faults);
    this.#pipelines = new PipelineCache(device);
    this.#pool = new BufferPool(
      (size) => this.#createBuffer(size),
      (buffer) => this.#queue.discard(buffer),
      () => Math.max(64 * MEBIBYTE, this.liveBytes / 2),
    );
    void device.lost.then(({ message }) => this.#lose(`the GPU device was lost: ${message}`));
  }

  /** Bytes of freed memory that is kept for reuse. */
  get pooledBytes(): number {
    return this.#pool.keptBytes;
  }

  /** Dispatches encoded so far. */
  get dispatchCount(): number {
    return this.#queue.dispatchCount;
  }

  /** Pipelines compiled or being compiled. */
  get pipelineCount(): number {
    return this.#pipelines.size;
  }

  allocate(bytes: number, unit: number): Allocation {
    this.#assertHere("allocate");
    if (this.liveBytes + bytes > this.#maxBytes) {
      throw new OutOfMemoryError(this.description, bytes, this.#maxBytes - this.liveBytes);
    }
    const part = partBytes(bytes, unit, this.#partLimit, this.alignment);
    const buffers: GPUBuffer[] = [];
    for (let at = 0; at < Math.max(bytes, 1); at += part) buffers.push(this.#pool.acquire(Math.min(part, bytes - at)));
    this.liveBytes += bytes;
    this.#notePeak(0);
    return new GpuMemory(bytes, part, buffers);
  }

  free(allocation: Allocation): void {
    this.liveBytes -= allocation.bytes;
    if (this.#gone !== undefined) return;
    for (const buffer of memory(allocation).buffers) this.#pool.release(buffer);
  }

  write(allocation: Allocation, offset: number, bytes: Uint8Array): void {
    this.#assertHere("write");
    if (offset % 4 !== 0 || bytes.byteLength % 4 !== 0) {
      throw new RangeError(
        `Cannot write: bytes ${offset} to ${offset + bytes.byteLength} are not whole multiples of 4`,
      );
    }
    this.#queue.write(memory(allocation).locate(offset, bytes.byteLength), bytes);
  }

  async read(allocation: Allocation, offset: number, length: number): Promise<Uint8Array> {
    this.#assertHere("read");
    return this.#queue.read(memory(allocation).locate(offset, length));
  }

  run(call: OpCall): "kernel" | "reference" {
    this.#assertHere(`run "${call.op.name}"`);
    const chosen = this.#choose(call);
    if (chosen === undefined) {
      this.#runOnHost(call);
      return "reference";
    }
    for (const piece of chosen.pieces) {
      const plan = this.#plan(chosen.kernel, chosen.context, piece);
      const { dispatches, giveBack } = this.#bind(call.op.name, plan, piece, this.#pool);
      for (const { op, pipeline, bind, groups } of dispatches) {
        const record = (compiled: GPUComputePipeline) => this.#queue.dispatch(op, compiled, bind, groups);
        this.#queue.push(op, () => (pipeline.compiled ? record(pipeline.compiled) : pipeline.ready.then(record)));
      }
      giveBack();
    }
    return "kernel";
  }

  record(calls: readonly OpCall[]): Recording {
    this.#assertHere("record");
    // memory that kernels work in is the program's own, and so are the uniforms
    const scratch = new BufferPool(
      (size) => this.#pool.acquire(size),
      (buffer) => this.#pool.release(buffer),
      () => Infinity,
    );
    const plans = new Map<string, Plan>();
    const steps = calls.flatMap((call): Step[] => {
      const chosen = this.#choose(call);
      if (chosen === undefined) return [() => this.#runOnHost(call)];
      const { kernel, context, pieces } = chosen;
      return pieces.flatMap((piece) => {
        const key = planKey(kernel, context, piece);
        const plan = plans.get(key) ?? makePlan(this.#device, this.#pipelines, kernel, context, piece);
        plans.set(key, plan);
        const { dispatches, giveBack } = this.#bind(call.op.name, plan, piece, scratch);
        giveBack();
        return dispatches;
      });
    });
    return recordSteps(steps, this.#queue, () => {
      for (const { uniform } of plans.values()) this.#queue.discard(uniform);
      if (this.#gone === undefined) scratch.trim(0);
    });
  }

  finish(): Promise<void> {
    return this.#queue.finish();
  }

  dispose(): void {
    this.#lose("the device was disposed");
    this.#device.destroy();
  }

  /** The first kernel that takes a call, in pieces that can be bound. */
  #choose(call: OpCall): { kernel: Kernel; context: KernelContext; pieces: readonly Piece[] } | undefined {
    const given = new Set<string>();
    for (const { name, optional } of call.op.inputs) if (optional && call.inputs[name] !== undefined) given.add(name);
    const limits = { bindingBytes: this.#partLimit };
    const context: KernelContext = { attributes: call.attributes, given, features: this.#features, limits };
    for (const kernel of this.#kernels.get(call.op.name) ?? []) {
      if (!takesWeights(kernel, call) || !kernel.suits(call.dims, context)) continue;
      const pieces = piecesOf(kernel, call, { maxBytes: this.#partLimit, alignment: this.alignment });
      if (pieces !== undefined) return { kernel, context, pieces };
    }
    return undefined;
  }

  /**
   * The dispatches of a piece. What they work in goes back to the pool by `giveBack`, for whatever comes later in the queue:
   * to be called once they are in it themselves, as a pool that has enough destroys the buffer in its turn.
   */
  #bind(op: string, { steps, uniform, scratch }: Plan, { tensors }: Piece, pool: BufferPool) {
    const borrowed = [...scratch].map(([tensor, length]) => ({ tensor, length, buffer: pool.acquire(length) }));
    for (const { tensor, buffer, length } of borrowed) tensors.set(tensor, { buffer, offset: 0, length });
    this.#notePeak(borrowed.reduce((bytes, { length }) => bytes + length, 0));
    const dispatches = steps
      .filter(({ groups }) => groups[0] > 0)
      .map(({ pipeline, binds, groups, bindGroups }): Dispatch => {
        const spans = binds.map(({ name, uniform }) => {
          const span = tensors.get(name)!;
          // a uniform is made of vectors of four numbers, and so is the room in a buffer
          return uniform ? { ...span, length: Math.ceil(span.length / 16) * 16 } : span;
        });
        const bind = (device: GPUDevice) => bindGroups.get(device, op, pipeline.layout, uniform, spans);
        return { op, pipeline, bind, groups };
      });
    const giveBack = () => {
      for (const { buffer } of borrowed) pool.release(buffer);
    };
    return { dispatches, giveBack };
  }

  /** `scratch` bytes are held for as long as a kernel runs. */
  #notePeak(scratch: number): void {
    this.peakBytes = Math.max(this.peakBytes, this.liveBytes + scratch);
  }

  #plan(kernel: Kernel, context: KernelContext, piece: Piece): Plan {
    const key = planKey(kernel, context, piece);
    let plan = this.#plans.get(key);
    if (plan === undefined) plan = makePlan(this.#device, this.#pipelines, kernel, context, piece);
    else this.#plans.delete(key);
    this.#plans.set(key, plan); // the one used last stands at the end
    if (this.#plans.size > MAX_PLANS) {
      const [[oldest, { uniform }]] = this.#plans;
      this.#plans.delete(oldest);
      this.#queue.discard(uniform);
    }
    return plan;
  }

  #runOnHost(call: OpCall): void {
    const inputs = Object.values(call.inputs).filter((view) => view !== undefined);
    const outputs = Object.values(call.outputs);
    this.#queue.onHost(call.op.name, inputs.map(locate), outputs.map(locate), (bytes) => {
      const results = outputs.map((view) => new Uint8Array(byteLength(view.dtype, view.shape)));
      const views = [...inputs, ...outputs];
      const all = [...bytes, ...results];
      runReference(call, (view) => all[views.indexOf(view)]);
      return results;
    });
  }

  #createBuffer(size: number): GPUBuffer {
    this.#faults.watch();
    const buffer = this.#device.createBuffer({ size, usage: TENSOR });
    this.#faults.unwatch(["allocate"], () => {
      this.#pool.trim(0);
      return new OutOfMemoryError(this.description, size, 0); // a device does not say how much it has left
    });
    return buffer;
  }

  #lose(why: string): void {
    if (this.#gone !== undefined) return;
    this.#gone = why;
    this.#queue.close(new DeviceLostError(`Cannot go on: ${why}; open a new device`));
  }

  #assertHere(action: string): void {
    if (this.#gone !== undefined) throw new DeviceLostError(`Cannot ${action}: ${this.#gone}; open a new device`);
  }
}

function takesWeights({ op, dtypes }: Kernel, { inputs }: OpCall): boolean {
  return op.inputs.every(({ name, weights }) => !weights || inputs[name]?.dtype === (dtypes[name] ?? "f32"));
}

function memory(allocation: Allocation): GpuMemory {
  return allocation as GpuMemory;
}
