import { CLOSED, control } from "./control.ts";
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

/** One call of a kernel, to be shared. */
export interface Job {
  /** Index in the pool's list. */
  readonly kernel: number;
  readonly units: number;
  /** Units that a thread takes at a time. */
  readonly chunkUnits: number;
  /** At most `MAX_ARGS`. */
  readonly args: readonly number[];
  /** Thread `t` has its scratch at `scratch + t * scratchBytes`. */
  readonly scratch: number;
  readonly scratchBytes: number;
}

/**
 * Threads that share the work of one kernel call at a time. The caller is the first of them. Jobs go
 * through shared memory: a worker spins for a moment and then sleeps, so that a call costs
 * microseconds while ops follow each other, and nothing is spent when they do not. Threads take
 * chunks as they come to them: one that is late, or on a slower core, does less. Which thread does a
 * chunk changes no bit of the result.
 */
export class ThreadPool {
  readonly threads: number;
  /** Numbers that threads may have: more than there are threads where one did not start. */
  readonly slots: number;
  /** Why there are fewer threads than were asked for; empty if there are not. */
  readonly failure: string;
  readonly #control: Int32Array;
  readonly #kernels: readonly KernelFunction[];
  readonly #workers: readonly RunningWorker[];
  readonly #canSleep = canSleep();

  private constructor(
    control: Int32Array,
    kernels: readonly KernelFunction[],
    workers: readonly RunningWorker[],
    { slots, failure }: { readonly slots: number; readonly failure: string },
  ) {
    this.#control = control;
    this.#kernels = kernels;
    this.#workers = workers;
    this.threads = workers.length + 1;
    this.slots = slots;
    this.failure = failure;
  }

  /** Waits until every worker is ready; one that does not start is left out. */
  static async open({ memory, modules, entries, kernels, threads }: PoolOptions): Promise<ThreadPool> {
    const shared = new Int32Array(memory.buffer, control.address, control.length);
    shared[control.next] = CLOSED;
    const starts = await Promise.allSettled(
      Array.from({ length: threads - 1 }, (_, i) =>
        startWorker({ memory, modules, entries, thread: i + 1, patience: PATIENCE }),
      ),
    );
    const workers = starts.filter((start) => start.status === "fulfilled").map(({ value }) => value);
    const failed = starts.find((start) => start.status === "rejected");
    const failure = failed === undefined ? "" : `a worker did not start: ${(failed.reason as Error).message}`;
    return new ThreadPool(shared, kernels, workers, { slots: threads, failure });
  }

  /** Runs a range of units on the caller's thread. */
  runAlone(kernel: number, begin: number, end: number, args: readonly number[], scratch: number): void {
    this.#kernels[kernel](begin, end, scratch, ...args);
  }

  /**
   * Runs all units, on all threads that come in time.
   *
   * @throws Error if the kernel traps; no thread is at it any more then.
   */
  run(job: Job): void {
    const { kernel, units, chunkUnits, args, scratch } = job;
    if (this.#workers.length === 0) {
      // in chunks too: an engine that compiles while it runs goes over to better code between calls only
      for (let begin = 0; begin < units; begin += chunkUnits) {
        this.runAlone(kernel, begin, Math.min(begin + chunkUnits, units), args, scratch);
      }
      return;
    }
    const shared = this.#control;
    const chunks = Math.ceil(units / chunkUnits);
    this.#post(job, chunks);
    try {
      let chunk;
      while ((chunk = Atomics.add(shared, control.next, 1)) < chunks) {
        const begin = chunk * chunkUnits;
        this.runAlone(kernel, begin, Math.min(begin + chunkUnits, units), args, scratch);
      }
    } finally {
      // closed first: a worker that becomes active from here on finds nothing to take
      Atomics.store(shared, control.next, CLOSED);
      this.#awaitWorkers();
    }
    if (shared[control.trapped] !== 0) throw new Error("it trapped on a worker thread");
  }

  stop(): void {
    for (const worker of this.#workers) worker.stop();
  }

  #post({ kernel, units, chunkUnits, args, scratch, scratchBytes }: Job, chunks: number): void {
    const shared = this.#control;
    shared[control.trapped] = 0;
    shared[control.kernel] = kernel;
    shared[control.units] = units;
    shared[control.chunkUnits] = chunkUnits;
    shared[control.chunks] = chunks;
    shared[control.scratch] = scratch;
    shared[control.scratchBytes] = scratchBytes;
    for (let i = 0; i < args.length; i++) shared[control.args + i] = args[i];
    Atomics.store(shared, control.next, 0);
    Atomics.add(shared, control.job, 1);
    if (Atomics.load(shared, control.sleepers) !== 0) Atomics.notify(shared, control.job);
  }

  /** Spins until no worker is active, and sleeps when that takes long and is allowed. */
  #awaitWorkers(): void {
    const shared = this.#control;
    let turn = 0;
    let deadline = 0;
    for (let active; (active = Atomics.load(shared, control.active)) !== 0;) {
      if ((++turn & 31) !== 0 || !this.#canSleep) continue;
      const now = performance.now();
      if (deadline === 0) deadline = now + PATIENCE;
      if (now < deadline) continue;
      Atomics.store(shared, control.callerSleeps, 1);
      Atomics.wait(shared, control.active, active);
      Atomics.store(shared, control.callerSleeps, 0);
    }
  }
}
