import { callModule } from "./call-module.ts";
import { writeCommand, type Command } from "./commands.ts";
import { control, IDLE } from "./control.ts";
import { kernels as walkerModule } from "./kernels.generated.ts";
import { instantiate, moduleBytes, type Walker, type WasmFunction } from "./module.ts";
import { canSleep } from "./runtime.ts";
import { startWorker, type RunningWorker } from "./start-worker.ts";
import type { WorkerSetup } from "./worker.ts";

/** What the workers of a pool are started with. */
export interface PoolOptions {
  readonly memory: WebAssembly.Memory;
  readonly shared: boolean;
  readonly modules: readonly Uint8Array[];
  readonly entries: WorkerSetup["entries"];
  /** The same kernels for the caller. */
  readonly kernels: readonly WasmFunction[];
  readonly threads: number;
}

/**
 * Threads that walk through lists of ops together, see `walk.as.ts`. The caller is the first of them. A worker spins for a
 * moment and then sleeps, so that an op costs microseconds while ops follow each other, and nothing is spent when they do
 * not. Which thread does a chunk of an op changes no bit of the result.
 */
export class ThreadPool {
  readonly threads: number;
  /** Numbers that threads may have: more than there are threads where one did not start. */
  readonly slots: number;
  /** Why there are fewer threads than were asked for; empty if there are not. */
  readonly failure: string;
  readonly #memory: WebAssembly.Memory;
  readonly #walker: Walker;
  readonly #workers: readonly RunningWorker[];
  #words = new Int32Array();
  readonly #maySleep = Number(canSleep());

  private constructor(
    memory: WebAssembly.Memory,
    walker: Walker,
    workers: readonly RunningWorker[],
    { slots, failure }: { readonly slots: number; readonly failure: string },
  ) {
    this.#memory = memory;
    this.#walker = walker;
    this.#workers = workers;
    this.threads = workers.length + 1;
    this.slots = slots;
    this.failure = failure;
  }

  /** Waits until every worker is ready; one that does not start is left out. */
  static async open({ memory, shared, modules, entries, kernels, threads }: PoolOptions): Promise<ThreadPool> {
    new Int32Array(memory.buffer, control.ticket, 1)[0] = IDLE;
    const arities = kernels.map(({ length }) => length);
    const caller = callModule(arities, shared);
    const walker = moduleBytes(walkerModule, "simd128", shared);
    const { call } = await instantiate(caller, { memory, ...kernels });
    const own = (await instantiate(walker, { memory, call })) as unknown as Walker;
    const starts = await Promise.allSettled(
      Array.from({ length: threads - 1 }, (_, i) =>
        startWorker({ memory, modules, entries, caller, walker, thread: i + 1 }),
      ),
    );
    const workers = starts.filter((start) => start.status === "fulfilled").map(({ value }) => value);
    const failed = starts.find((start) => start.status === "rejected");
    const failure = failed === undefined ? "" : `a worker did not start: ${(failed.reason as Error).message}`;
    return new ThreadPool(memory, own, workers, { slots: threads, failure });
  }

  /** Runs one command. */
  runOne(command: Command): void {
    writeCommand(this.words, control.command, command, 0);
    this.run(control.command);
  }

  /**
   * Runs the commands from an address on.
   *
   * @throws KernelTrap if a kernel traps; no thread is at it any more then, and no command after it has begun.
   */
  run(list: number): void {
    if (this.#workers.length === 0) this.#runAlone(list);
    else this.#runTogether(list);
  }

  stop(): void {
    for (const worker of this.#workers) worker.stop();
  }

  /** All of the memory. Growing replaces it. */
  get words(): Int32Array {
    const { buffer } = this.#memory;
    if (this.#words.buffer !== buffer) this.#words = new Int32Array(buffer);
    return this.#words;
  }

  #runAlone(list: number): void {
    try {
      this.#walker.walkAlone(list);
    } catch (cause) {
      throw new KernelTrap(this.words[control.op >>> 2], cause);
    }
  }

  #runTogether(list: number): void {
    const { start, work, abandon } = this.#walker;
    let step = () => start(list);
    let cause: unknown;
    for (;;) {
      try {
        step();
        work(0, 1, this.#maySleep);
        break;
      } catch (error) {
        cause = error;
        step = () => abandon(0);
      }
    }
    const trapped = this.words[control.trapped >>> 2];
    if (trapped !== 0) throw new KernelTrap(trapped, cause ?? new Error("it trapped on a worker thread"));
  }
}

/** A kernel trapped. */
export class KernelTrap extends Error {
  /** Address of its command. */
  readonly command: number;

  constructor(command: number, cause: unknown) {
    super((cause as Error).message, { cause });
    this.command = command;
  }
}
