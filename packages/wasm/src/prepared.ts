import { sizeOf, type OpCall, type View } from "@elapid/tensor";
import { passesOf, type WasmKernel } from "./kernel.ts";
import { BLOCK_ALIGNMENT, type Block } from "./memory.ts";
import type { Pass } from "./recording.ts";

/** Elementary steps that are worth a chunk: a thread takes one in about 0.1 µs, and does it in some µs. */
const CHUNK_STEPS = 8192;
/** Chunks for each thread, so that all of them end at about the same time. */
const CHUNKS_PER_THREAD = 8;
/** Of a pass that streams through memory, the share that is taken first, in one chunk for each thread. */
const LARGE_SHARE = 3 / 4;
/** Steps of such a chunk at most, some ms: an engine goes over to better code between calls only. */
const LARGE_STEPS = 2 ** 24;
/** Chunks for each thread after those. */
const SMALL_PER_THREAD = 4;

/** A kernel in the list of a pool, and the call object that its `args` reads, made once and filled for every call. */
export class PreparedKernel {
  readonly kernel: WasmKernel;
  readonly passes: ReturnType<typeof passesOf>;
  /** Index of its first pass; the others follow. */
  readonly #index: number;
  readonly #call = {
    dims: {} as OpCall["dims"],
    attributes: {} as OpCall["attributes"],
    inputs: {} as Record<string, number>,
    outputs: {} as Record<string, number>,
    workspace: 0,
  };

  constructor(kernel: WasmKernel, index: number) {
    this.kernel = kernel;
    this.passes = passesOf(kernel);
    this.#index = index;
  }

  /** Bytes that a call works in beside its tensors: those that all threads share, then some for each. */
  workBytes(call: OpCall, slots: number): number {
    return this.#sharedBytes(call) + slots * this.#ownBytes(call);
  }

  /** The passes of a call, with `workBytes` to work in at `workspace`. */
  passesOf(call: OpCall, workspace: number, { threads }: { readonly threads: number }): Pass[] {
    const moved = this.#fill(call, workspace);
    const scratch = workspace + this.#sharedBytes(call);
    const scratchBytes = this.#ownBytes(call);
    return this.passes.map(({ entry, units: count, cost, grain = 1, streams = false, args }, pass) => {
      const units = count(call.dims, call.attributes);
      const steps = cost === undefined ? moved : units * cost(call.dims, call.attributes);
      const command = {
        ...{ kernel: this.#index + pass, units, args: args(this.#call), scratch, scratchBytes },
        ...share({ units, steps, grain, threads, streams }),
      };
      return { command, op: call.op.name, entry };
    });
  }

  #sharedBytes({ dims, attributes }: OpCall): number {
    return roundUp(this.kernel.workspace?.(dims, attributes) ?? 0, BLOCK_ALIGNMENT);
  }

  #ownBytes({ dims, attributes }: OpCall): number {
    let own = 0;
    for (const { scratch } of this.passes) if (scratch !== undefined) own = Math.max(own, scratch(dims, attributes));
    return roundUp(own, BLOCK_ALIGNMENT);
  }

  /** Fills the call object; gives the elements that the call moves. */
  #fill({ dims, attributes, inputs, outputs }: OpCall, workspace: number): number {
    const call = this.#call;
    call.dims = dims;
    call.attributes = attributes;
    call.workspace = workspace;
    let moved = 0;
    for (const { name } of this.kernel.op.inputs) {
      const view = inputs[name];
      call.inputs[name] = view === undefined ? 0 : addressOf(view);
      if (view !== undefined) moved += sizeOf(view.shape);
    }
    for (const { name } of this.kernel.op.outputs) {
      const view = outputs[name];
      call.outputs[name] = addressOf(view);
      moved += sizeOf(view.shape);
    }
    return moved;
  }
}

/** How threads take the units of a pass; all at once where they have few steps. */
function share({ units, steps, grain, threads, streams }: ShareOptions) {
  const most = Math.floor(steps / CHUNK_STEPS);
  if (most < 2) return { chunkUnits: Math.max(units, 1) };
  if (!streams) return equalChunks(Math.ceil(units / grain), Math.min(most, threads * CHUNKS_PER_THREAD), grain);
  const first = LARGE_SHARE * units;
  const largeUnits = roundUp(Math.floor(Math.min(first / threads, (LARGE_STEPS * units) / steps)), grain);
  const small = ((1 - LARGE_SHARE) * units) / threads / SMALL_PER_THREAD;
  const chunkUnits = roundUp(Math.ceil(Math.max(units / most, small)), grain);
  return largeUnits <= chunkUnits ? { chunkUnits } : { chunkUnits, large: Math.floor(first / largeUnits), largeUnits };
}

/** Sizes that differ by one grain at most: else of two threads one would do up to a chunk more. */
function equalChunks(grains: number, most: number, grain: number) {
  const chunks = Math.min(most, grains);
  const large = grains % chunks;
  const chunkUnits = Math.floor(grains / chunks) * grain;
  return large === 0 ? { chunkUnits } : { chunkUnits, large, largeUnits: chunkUnits + grain };
}

interface ShareOptions {
  readonly units: number;
  /** Elementary steps of all units. */
  readonly steps: number;
  readonly grain: number;
  readonly threads: number;
  readonly streams: boolean;
}

export function addressOf({ allocation, offset }: View): number {
  return (allocation as Block).address + offset;
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
