import { Worker } from "node:worker_threads";
import type { Layout } from "./memory.ts";
import { control, runLane, type WorkerSetup } from "./lane.ts";

/** Threads that run the same algorithm on one memory, the caller among them. */
export interface Threads {
  /** Runs an algorithm once; gives the seconds that it took. */
  run(name: string): number;
  close(): Promise<void>;
}

/** Starts as many threads as the memory has lanes. */
export async function startThreads(layout: Layout, names: readonly string[]): Promise<Threads> {
  const words = new Int32Array(new SharedArrayBuffer(4 * control.words));
  const setup = (index: number): WorkerSetup => ({ layout, control: words, index, names });
  const workers = Array.from(
    { length: layout.lanes - 1 },
    (_, i) => new Worker(new URL("worker.ts", import.meta.url), { workerData: setup(i + 1) }),
  );
  await Promise.all(workers.map((worker) => new Promise<void>((ready) => worker.once("message", () => ready()))));
  return {
    run(name) {
      const start = performance.now();
      Atomics.store(words, control.algorithm, names.indexOf(name));
      Atomics.add(words, control.ticket, 1);
      Atomics.notify(words, control.ticket);
      runLane(setup(0));
      return (performance.now() - start) / 1000;
    },
    async close() {
      Atomics.store(words, control.algorithm, -1);
      Atomics.add(words, control.ticket, 1);
      Atomics.notify(words, control.ticket);
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}
