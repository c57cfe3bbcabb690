import { builtin } from "./runtime.ts";
import { nodeWorkerSource, webWorkerSource, type WorkerSetup } from "./worker.ts";

/** Milliseconds in which a worker has to answer. */
const START_TIMEOUT = 10_000;

/** A running worker, ready for jobs. */
export interface RunningWorker {
  stop(): void;
}

interface NodeWorker {
  on(event: "message" | "error", listener: (value: unknown) => void): void;
  postMessage(message: unknown): void;
  unref(): void;
  terminate(): unknown;
}

interface WorkerThreads {
  readonly Worker: new (
    source: string,
    options: { readonly eval: true; readonly execArgv: readonly string[] },
  ) => NodeWorker;
}

/**
 * Starts a worker and waits until its kernels are compiled.
 *
 * @throws Error with what the worker said, or that it did not answer.
 */
export async function startWorker(setup: WorkerSetup): Promise<RunningWorker> {
  let stop = () => {};
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const answer = await new Promise<unknown>((resolve, reject) => {
      stop = post(setup, resolve, reject);
      timer = setTimeout(() => reject(new Error(`no answer in ${START_TIMEOUT / 1000} s`)), START_TIMEOUT);
    });
    if (answer !== "ready") throw new Error(String(answer));
    return { stop };
  } catch (error) {
    stop();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Sends the setup to a new worker; the result stops it. */
function post(setup: WorkerSetup, answer: (message: unknown) => void, fail: (error: unknown) => void): () => void {
  const node = builtin<WorkerThreads>("node:worker_threads");
  if (node !== undefined) {
    // no flags of the process: a loader among them would run in every worker
    const worker = new node.Worker(nodeWorkerSource, { eval: true, execArgv: [] });
    worker.on("message", (message) => {
      // from now on it waits in shared memory, which must not keep the process alive
      worker.unref();
      answer(message);
    });
    worker.on("error", fail);
    worker.postMessage(setup);
    return () => void worker.terminate();
  }
  const url = URL.createObjectURL(new Blob([webWorkerSource], { type: "text/javascript" }));
  const worker = new Worker(url);
  worker.onmessage = ({ data }) => {
    URL.revokeObjectURL(url);
    answer(data);
  };
  worker.onerror = ({ message }) => fail(new Error(message));
  worker.postMessage(setup);
  return () => worker.terminate();
}
