import { control, MAX_ARGS } from "./control.ts";

/** What a worker is told when it starts. */
export interface WorkerSetup {
  readonly memory: WebAssembly.Memory;
  readonly modules: readonly Uint8Array[];
  /** Module and exported function of each kernel, in the caller's order. */
  readonly entries: readonly (readonly [module: number, name: string])[];
  /** Place of the worker's line in the control page. */
  readonly line: number;
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
  port.onmessage = async ({ data: { memory, modules, entries, line, patience } }) => {
    let kernels;
    try {
      const loaded = await Promise.all(modules.map((bytes) => WebAssembly.instantiate(bytes, { env: { memory } })));
      kernels = entries.map(([module, name]) => loaded[module].instance.exports[name]);
    } catch (error) {
      port.postMessage(String(error));
      return;
    }
    const control = new Int32Array(memory.buffer, ${control.address}, ${control.workers} + line + ${control.line});
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
      const kernel = kernels[control[${control.kernel}]];
      if (kernel === undefined) return;
      try {
        kernel(control[line + ${control.begin}], control[line + ${control.end}], control[line + ${control.scratch}], ${args});
      } catch {
        control[line + ${control.trapped}] = 1;
      }
      Atomics.store(control, line + ${control.done}, job);
      if (Atomics.load(control, ${control.callerSleeps}) !== 0) Atomics.notify(control, line + ${control.done});
    }
  };
};
`;

/** For `node:worker_threads`, as Node, Bun and Deno have them. */
export const nodeWorkerSource = `${serve}import("node:worker_threads").then(({ parentPort }) => serve(parentPort));`;
/** For a Web Worker. */
export const webWorkerSource = `${serve}serve(self);`;
