import { byteLength, runReference, type Allocation, type Backend, type OpCall, type Recording } from "@elapid/tensor";
import { takesWeights, type WasmKernel } from "./kernel.ts";
import { type Block, BLOCK_ALIGNMENT, type Heap } from "./memory.ts";
import { addressOf, PreparedKernel } from "./prepared.ts";
import { recordSteps, withNames, type Pass } from "./recording.ts";
import type { ThreadPool } from "./threads.ts";

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
  readonly #kernels = new Map<string, PreparedKernel[]>();
  #scratch: Block | undefined;

  constructor(heap: Heap, pool: ThreadPool, kernels: readonly WasmKernel[], description: string) {
    this.#heap = heap;
    this.#pool = pool;
    this.description = description;
    let index = 0;
    for (const kernel of kernels) {
      const prepared = new PreparedKernel(kernel, index);
      this.#kernels.set(kernel.op.name, [...(this.#kernels.get(kernel.op.name) ?? []), prepared]);
      index += prepared.passes.length;
    }
  }

  allocate(bytes: number): Block {
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
    const kernel = this.#choose(call);
    if (kernel === undefined) {
      this.#runReference(call);
      return "reference";
    }
    const workspace = this.#reserve(kernel.workBytes(call, this.#pool.slots));
    for (const pass of kernel.passesOf(call, workspace, this.#pool)) {
      withNames(
        () => this.#pool.runOne(pass.command),
        () => pass,
      );
    }
    return "kernel";
  }

  record(calls: readonly OpCall[]): Recording {
    const chosen = calls.map((call) => ({ call, kernel: this.#choose(call) }));
    const workBytes = Math.max(0, ...chosen.map(({ call, kernel }) => kernel?.workBytes(call, this.#pool.slots) ?? 0));
    const work = this.allocate(workBytes);
    const steps = chosen.flatMap(({ call, kernel }): (Pass | (() => void))[] =>
      kernel === undefined ? [() => this.#runReference(call)] : kernel.passesOf(call, work.address, this.#pool),
    );
    return recordSteps(steps, this.#pool, {
      allocate: (bytes) => this.allocate(bytes),
      free: (block) => this.free(block),
      work,
    });
  }

  async finish(): Promise<void> {}

  dispose(): void {
    this.#pool.stop();
  }

  #choose({ op, dims, attributes, inputs }: OpCall): PreparedKernel | undefined {
    const candidates = this.#kernels.get(op.name);
    if (candidates === undefined) return undefined;
    for (const candidate of candidates) {
      const { suits, dtypes } = candidate.kernel;
      if (!takesWeights(op, inputs, dtypes)) continue;
      if (suits === undefined || suits(dims, attributes, namesGiven(inputs))) return candidate;
    }
    return undefined;
  }

  #runReference(call: OpCall): void {
    runReference(call, (view) => {
      const start = addressOf(view);
      return this.#heap.bytes.subarray(start, start + byteLength(view.dtype, view.shape));
    });
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

function namesGiven(inputs: OpCall["inputs"]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const name in inputs) if (inputs[name] !== undefined) names.add(name);
  return names;
}
