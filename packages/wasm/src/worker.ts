import { control, MAX_ARGS } from "./control.ts";

/** What a worker is told when it starts. */
export interface WorkerSetup {
  readonly memory: WebAssembly.Memory;
  readonly modules: readonly Uint8Array[];
  /** Module and exported function of each kernel, in the caller's order. */
  readonly entries: readonly (readonly [module: number, name: string])[];
  /** Number of this thread; the caller is 0. */
  readonly thread: number;
  /** Milliseconds that a worker spins before it sleeps. */
  readonly patience: number;
}

const args = Array.from({ length: MAX_ARGS }, (_, i) => `control[${control.args + i}]`).join(", ");

/**
 * Source of a worker, plain JavaScript so that it needs neither a file nor a bundler. It answers the
 * setup with "ready" or an error, then serves jobs and never returns to its event loop.
 */
const serve = `
const serve = (port) => {
  port.onmessage = async ({ data: { memory, modules, entries, thread, patience } }) => {
    let kernels;
    try {
      const loaded = await Promise.all(modules.map((bytes) => WebAssembly.instantiate(bytes, { env: { memory } })));
      kernels = entries.map(([module, name]) => loaded[module].instance.exports[name]);
    } catch (error) {
      port.postMessage(String(error));
      return;
    }
    const control = new Int32Array(memory.buffer, ${control.address}, ${control.length});
    const pause = Atomics.pause ?? (() => {});
    let job = Atomics.load(control, ${control.job});
    port.postMessage("ready");
    for (;;) {
      let turn = 0;
      let deadline = 0;
      while (Atomics.load(control, ${control.job}) === job) {
        pause();
        if ((++turn & 31) !== 0) continue;
        const now = performance.now();
        if (deadline === 0) deadline = now + patience;
        if (now < deadline) continue;
        Atomics.add(control, ${control.sleepers}, 1);
        Atomics.wait(control, ${control.job}, job);
        Atomics.sub(control, ${control.sleepers}, 1);
      }
      job = Atomics.load(control, ${control.job});
      // first active, then a chunk: so the caller waits for whoever may have one
      Atomics.add(control, ${control.active}, 1);
      try {
        let chunk;
        while ((chunk = Atomics.add(control, ${control.next}, 1)) < control[${control.chunks}]) {
          const begin = chunk * control[${control.chunkUnits}];
          const end = Math.min(begin + control[${control.chunkUnits}], control[${control.units}]);
          const scratch = control[${control.scratch}] + thread * control[${control.scratchBytes}];
          kernels[control[${control.kernel}]](begin, end, scratch, ${args});
        }
      } catch {
        control[${control.trapped}] = 1;
      }
      const others = Atomics.sub(control, ${control.active}, 1) - 1;
      if (others === 0 && Atomics.load(control, ${control.callerSleeps}) !== 0) Atomics.notify(control, ${control.active});
    }
  };
};
`;

/** For `node:worker_threads`, as Node, Bun and Deno have them. */
export const nodeWorkerSource = `${serve}import("node:worker_threads").then(({ parentPort }) => serve(parentPort));`;
/** For a Web Worker. */
export const webWorkerSource = `${serve}serve(self);`;
