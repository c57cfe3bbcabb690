import { control, MAX_THREADS } from "./control.ts";
import type { KernelFunction } from "./module.ts";
import { canSleep } from "./runtime.ts";
import { startWorker, type RunningWorker } from "./start-worker.ts";
import type { WorkerSetup } from "./worker.ts";

/** Milliseconds that a thread spins before it sleeps; the ops of a model follow each other in less. */
const PATIENCE = 0.05;

/** What the workers of a pool are started with. */
export interface PoolOptions {
  readonly memory: WebAssembly.Memory;
  readonly modules: readonly Uint8Array[];
  readonly entries: WorkerSetup["entries"];
  /** The same kernels for the caller. */
  readonly kernels: readonly KernelFunction[];
  readonly threads: number;
}

/**
 * Threads that share the work of one kernel call at a time. The caller is the first of them. Jobs go
 * through shared memory: a worker spins for a moment and then sleeps, so that a call costs
 * microseconds while ops follow each other, and nothing is spent when they do not.
 */
export class ThreadPool {
  readonly threads: number;
  /** Why there are fewer threads than were asked for; empty if there are not. */
  readonly failure: string;
  readonly #control: Int32Array;
  readonly #kernels: readonly KernelFunction[];
  readonly #workers: readonly RunningWorker[];
  readonly #canSleep = canSleep();
  #job = 0;

  private constructor(
    control: Int32Array,
    kernels: readonly KernelFunction[],
    workers: readonly RunningWorker[],
    failure: string,
  ) {
    this.#control = control;
    this.#kernels = kernels;
    this.#workers = workers;
    this.threads = workers.length + 1;
    this.failure = failure;
  }

  /** Waits until every worker is ready; one that does not start is left out. */
  static async open({ memory, modules, entries, kernels, threads }: PoolOptions): Promise<ThreadPool> {
    const lines = Array.from({ length: Math.min(threads, MAX_THREADS) - 1 }, (_, i) => control.workers + i * control.line);
    const starts = await Promise.allSettled(
      lines.map((line) => startWorker({ memory, modules, entries, line, patience: PATIENCE })),
    );
    const workers = starts.filter((start) => start.status === "fulfilled").map(({ value }) => value);
    const failed = starts.find((start) => start.status === "rejected");
    const integers = new Int32Array(memory.buffer, control.address, control.workers + MAX_THREADS * control.line);
    const failure = failed === undefined ? "" : `a worker did not start: ${(failed.reason as Error).message}`;
    return new ThreadPool(integers, kernels, workers, failure);
  }

  /**
   * Runs units 0 to `units` of a kernel, cut at multiples of `grain` into one range a thread.
   * Thread `t` has its scratch at `scratch + t * scratchBytes`. `args` is as long as `MAX_ARGS`.
   *
   * @throws Error if the kernel traps.
   */
  run(kernel: number, units: number, grain: number, args: Int32Array, scratch: number, scratchBytes: number): void {
    const shared = this.#control;
    const workers = this.#workers;
    const pieces = Math.ceil(units / grain);
    shared[control.kernel] = kernel;
    shared.set(args, control.args);
    const end = (thread: number) => Math.min(units, Math.floor((pieces * thread) / this.threads) * grain);
    let begin = end(1);
    for (let i = 0; i < workers.length; i++) {
      const { line } = workers[i];
      shared[line + control.begin] = begin;
      shared[line + control.end] = begin = end(i + 2);
      shared[line + control.scratch] = scratch + (i + 1) * scratchBytes;
    }
    const job = (this.#job = (this.#job + 1) | 0);
    Atomics.store(shared, control.job, job);
    if (Atomics.load(shared, control.sleepers) !== 0) Atomics.notify(shared, control.job);
    try {
      this.runAlone(kernel, 0, end(1), args, scratch);
    } finally {
      for (let i = 0; i < workers.length; i++) this.#await(workers[i].line, job);
    }
    for (const { line } of workers) {
      if (shared[line + control.trapped] !== 0) throw new Error("a kernel trapped on a worker thread");
    }
  }

  /** Runs a range of units on the caller's thread. */
  runAlone(kernel: number, begin: number, end: number, a: Int32Array, scratch: number): void {
    // a kernel ignores arguments that it does not have; spreading them would allocate
    this.#kernels[kernel](
      begin, end, scratch,
      a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9],
      a[10], a[11], a[12], a[13], a[14], a[15], a[16], a[17], a[18], a[19],
    );
  }

  stop(): void {
    for (const worker of this.#workers) worker.stop();
  }

  #await(line: number, job: number): void {
    const shared = this.#control;
    const done = line + control.done;
    let turn = 0;
    let deadline = 0;
    for (let seen = Atomics.load(shared, done); seen !== job; seen = Atomics.load(shared, done)) {
      if ((++turn & 31) !== 0 || !this.#canSleep) continue;
      const now = performance.now();
      if (deadline === 0) deadline = now + PATIENCE;
      if (now < deadline) continue;
      Atomics.store(shared, control.callerSleeps, 1);
      Atomics.wait(shared, done, seen);
      Atomics.store(shared, control.callerSleeps, 0);
    }
  }
}
