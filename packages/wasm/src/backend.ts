import {
  byteLength,
  runReference,
  sizeOf,
  type Allocation,
  type Backend,
  type OpCall,
  type View,
} from "@elapid/tensor";
import { passesOf, takesWeights, type WasmKernel } from "./kernel.ts";
import { type Block, BLOCK_ALIGNMENT, type Heap } from "./memory.ts";
import type { ThreadPool } from "./threads.ts";

/** Elementary steps that are worth a chunk: a thread takes one in about 0.1 µs, and does it in some µs. */
const CHUNK_STEPS = 8192;
/** Chunks for each thread, so that all of them end at about the same time. */
const CHUNKS_PER_THREAD = 8;

/** A kernel with the call object that its `args` reads, made once and filled for every call. */
interface Prepared {
  /** Index of its first pass in the pool's list; the others follow. */
  readonly index: number;
  readonly kernel: WasmKernel;
  readonly passes: ReturnType<typeof passesOf>;
  readonly call: {
    dims: OpCall["dims"];
    attributes: OpCall["attributes"];
    readonly inputs: Record<string, number>;
    readonly outputs: Record<string, number>;
    workspace: number;
  };
}

/** What a pass of a call is given: elements that the call moves, and the threads' scratch. */
interface PassMemory {
  readonly moved: number;
  readonly scratch: number;
  readonly scratchBytes: number;
}

/** Tensors in one WebAssembly memory; ops run when they are called. */
export class WasmBackend implements Backend {
  readonly kind = "wasm";
  readonly description: string;
  readonly alignment = BLOCK_ALIGNMENT;
  liveBytes = 0;
  /** With what kernels work in, which stays from call to call and is not live. */
  peakBytes = 0;
  readonly #heap: Heap;
  readonly #pool: ThreadPool;
  readonly #kernels = new Map<string, Prepared[]>();
  #scratch: Block | undefined;

  constructor(heap: Heap, pool: ThreadPool, kernels: readonly WasmKernel[], description: string) {
    this.#heap = heap;
    this.#pool = pool;
    this.description = description;
    let index = 0;
    for (const kernel of kernels) {
      const call = { dims: {}, attributes: {}, inputs: {}, outputs: {}, workspace: 0 };
      const passes = passesOf(kernel);
      const known = this.#kernels.get(kernel.op.name) ?? [];
      this.#kernels.set(kernel.op.name, [...known, { index, kernel, passes, call }]);
      index += passes.length;
    }
  }

  allocate(bytes: number): Allocation {
    const block = this.#heap.allocate(bytes);
    this.liveBytes += bytes;
    this.#notePeak();
    return block;
  }

  free(allocation: Allocation): void {
    this.liveBytes -= allocation.bytes;
    this.#heap.free(allocation as Block);
  }

  write(allocation: Allocation, offset: number, bytes: Uint8Array): void {
    this.#heap.bytes.set(bytes, (allocation as Block).address + offset);
  }

  async read(allocation: Allocation, offset: number, length: number): Promise<Uint8Array> {
    const start = (allocation as Block).address + offset;
    return this.#heap.bytes.slice(start, start + length);
  }

  run(call: OpCall): "kernel" | "reference" {
    const prepared = this.#choose(call);
    if (prepared === undefined) {
      runReference(call, (view) => {
        const start = addressOf(view);
        return this.#heap.bytes.subarray(start, start + byteLength(view.dtype, view.shape));
      });
      return "reference";
    }
    const { kernel, passes, call: filled } = prepared;
    const { dims, attributes } = call;
    filled.dims = dims;
    filled.attributes = attributes;
    let moved = 0;
    for (const { name } of kernel.op.inputs) {
      const view = call.inputs[name];
      filled.inputs[name] = view === undefined ? 0 : addressOf(view);
      if (view !== undefined) moved += sizeOf(view.shape);
    }
    for (const { name } of kernel.op.outputs) {
      const view = call.outputs[name];
      filled.outputs[name] = addressOf(view);
      moved += sizeOf(view.shape);
    }
    const shared = kernel.workspace === undefined ? 0 : roundUp(kernel.workspace(dims, attributes), BLOCK_ALIGNMENT);
    let scratchBytes = 0;
    for (const { scratch } of passes) {
      if (scratch !== undefined) scratchBytes = Math.max(scratchBytes, scratch(dims, attributes));
    }
    scratchBytes = roundUp(scratchBytes, BLOCK_ALIGNMENT);
    filled.workspace = this.#reserve(shared + scratchBytes * this.#pool.slots);
    for (let pass = 0; pass < passes.length; pass++) {
      this.#runPass(prepared, pass, { moved, scratch: filled.workspace + shared, scratchBytes });
    }
    return "kernel";
  }

  #runPass(
    { index, kernel, passes, call }: Prepared,
    pass: number,
    { moved, scratch, scratchBytes }: PassMemory,
  ): void {
    const { entry, units: count, cost, grain = 1, args: argsOf } = passes[pass];
    const args = argsOf(call);
    const units = count(call.dims, call.attributes);
    const steps = cost === undefined ? moved : units * cost(call.dims, call.attributes);
    const chunks = Math.min(this.#pool.threads * CHUNKS_PER_THREAD, Math.floor(steps / CHUNK_STEPS));
    const chunkUnits = roundUp(Math.ceil(units / chunks), grain);
    try {
      if (chunks < 2 || chunkUnits >= units) {
        this.#pool.runAlone(index + pass, 0, units, args, scratch);
      } else {
        this.#pool.run({ kernel: index + pass, units, chunkUnits, args, scratch, scratchBytes });
      }
    } catch (cause) {
      throw new Error(`Cannot run "${kernel.op.name}": its kernel "${entry}" failed: ${(cause as Error).message}`, {
        cause,
      });
    }
  }

  async finish(): Promise<void> {}

  dispose(): void {
    this.#pool.stop();
  }

  #choose({ op, dims, attributes, inputs }: OpCall): Prepared | undefined {
    const candidates = this.#kernels.get(op.name);
    if (candidates === undefined) return undefined;
    for (const candidate of candidates) {
      const { suits, dtypes } = candidate.kernel;
      if (!takesWeights(op, inputs, dtypes)) continue;
      if (suits === undefined || suits(dims, attributes, namesGiven(inputs))) return candidate;
    }
    return undefined;
  }

  /** Address of at least so many bytes for the kernels' workspace and scratch, the same from call to call. */
  #reserve(bytes: number): number {
    if (this.#scratch === undefined || this.#scratch.bytes < bytes) {
      if (bytes === 0) return 0;
      if (this.#scratch !== undefined) this.#heap.free(this.#scratch);
      this.#scratch = undefined; // should the next line throw
      this.#scratch = this.#heap.allocate(bytes);
      this.#notePeak();
    }
    return this.#scratch.address;
  }

  #notePeak(): void {
    this.peakBytes = Math.max(this.peakBytes, this.liveBytes + (this.#scratch?.bytes ?? 0));
  }
}

function addressOf({ allocation, offset }: View): number {
  return (allocation as Block).address + offset;
}

function namesGiven(inputs: OpCall["inputs"]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const name in inputs) if (inputs[name] !== undefined) names.add(name);
  return names;
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
