import { UnsupportedError, type Backend } from "@elapid/tensor";
import { WasmBackend } from "./backend.ts";
import { passesOf, type WasmKernel } from "./kernel.ts";
import { Heap } from "./memory.ts";
import { detectSimd, instantiate, moduleBytes, type SimdBuild } from "./module.ts";
import { canShareMemory, hardwareThreads } from "./runtime.ts";
import { ThreadPool } from "./threads.ts";

/** Memory bandwidth, not arithmetic, limits a model on more threads than this. */
const MAX_DEFAULT_THREADS = 8;

/** How `openWasm` opens a device. */
export interface WasmOptions {
  /** Kernels by op; where several take a call, the first one does it. */
  readonly kernels: readonly WasmKernel[];
  /** Default: what the machine runs at once, at most 8; 1 where memory cannot be shared. */
  readonly threads?: number;
  /** Default: the best build that the engine runs. */
  readonly simd?: SimdBuild;
  /** Default: whether threads can share memory here. */
  readonly sharedMemory?: boolean;
  /** Most bytes of memory, constants and scratch included. Default and maximum: 4 GiB. */
  readonly maximumBytes?: number;
}

/**
 * Opens the backend that runs WebAssembly kernels on threads; resolves when the threads are ready.
 *
 * ```ts
 * const device = new Device(await openWasm({ kernels: [...opsKernels, ...scanKernels] }));
 * ```
 *
 * @throws UnsupportedError if the engine has no WebAssembly SIMD, or not what was asked for.
 * @throws RangeError if `threads` is not a whole number of at least 1.
 */
export async function openWasm({
  kernels,
  sharedMemory = canShareMemory(),
  threads = sharedMemory ? Math.min(hardwareThreads(), MAX_DEFAULT_THREADS) : 1,
  simd = detectSimd(),
  maximumBytes,
}: WasmOptions): Promise<Backend> {
  const action = 'Cannot open "wasm"';
  if (!Number.isInteger(threads) || threads < 1) {
    throw new RangeError(`${action}: threads is ${threads} but a whole number of at least 1 was needed`);
  }
  if (threads > 1 && !sharedMemory) {
    throw new UnsupportedError(
      `${action}: ${threads} threads need shared memory, which a page has when it is cross-origin isolated`,
    );
  }
  if (simd === undefined || (simd === "relaxed" && detectSimd() !== "relaxed")) {
    throw new UnsupportedError(`${action}: this engine has no ${simd === undefined ? "" : "relaxed "}WebAssembly SIMD`);
  }
  const heap = new Heap(sharedMemory, maximumBytes);
  const modules = [...new Set(kernels.map(({ module }) => module))];
  const bytes = modules.map((module) => moduleBytes(module, simd, sharedMemory));
  const { memory } = heap;
  const loaded = await Promise.all(bytes.map((module) => instantiate(module, { memory })));
  const functions = kernels.flatMap((kernel) => passesOf(kernel).map(({ entry }) => ({ kernel, entry })));
  const entries = functions.map(({ kernel, entry }) => [modules.indexOf(kernel.module), entry] as const);
  const pool = await ThreadPool.open({
    memory,
    shared: sharedMemory,
    modules: bytes,
    entries,
    kernels: entries.map(([module, entry], i) => {
      const found = loaded[module][entry];
      if (found === undefined) {
        throw new TypeError(
          `${action}: module "${modules[module].name}" has no function "${entry}" for "${functions[i].kernel.op.name}"`,
        );
      }
      return found;
    }),
    threads,
  });
  return new WasmBackend(heap, pool, kernels, describe(simd, pool));
}

function describe(simd: SimdBuild, { threads, failure }: ThreadPool): string {
  const build = simd === "relaxed" ? "relaxed SIMD" : "SIMD128";
  const unshared = canShareMemory() ? "" : "the page is not cross-origin isolated, so threads could not share memory";
  const why = threads === 1 && unshared !== "" ? unshared : failure;
  return `wasm: ${build}, ${threads} thread${threads === 1 ? "" : "s"}${why === "" ? "" : ` (${why})`}`;
}
