/** What a worker is told when it starts. */
export interface WorkerSetup {
  readonly memory: WebAssembly.Memory;
  readonly modules: readonly Uint8Array[];
  /** Module and exported function of each kernel, in the caller's order. */
  readonly entries: readonly (readonly [module: number, name: string])[];
  /** The modules that call a kernel by its number, and that walk through ops; the same as the caller's. */
  readonly caller: Uint8Array;
  readonly walker: Uint8Array;
  /** Number of this thread; the caller is 0. */
  readonly thread: number;
}

/**
 * Source of a worker, plain JavaScript so that it needs neither a file nor a bundler. It answers the
 * setup with "ready" or an error, then works and never returns to its event loop.
 */
const serve = `
const serve = (port) => {
  port.onmessage = async ({ data: { memory, modules, entries, caller, walker, thread } }) => {
    const link = async (bytes, env) => (await WebAssembly.instantiate(bytes, { env })).instance.exports;
    let work, abandon;
    try {
      const loaded = await Promise.all(modules.map((bytes) => link(bytes, { memory })));
      const kernels = Object.fromEntries(entries.map(([module, name], k) => [k, loaded[module][name]]));
      const { call } = await link(caller, { memory, ...kernels });
      ({ work, abandon } = await link(walker, { memory, call }));
    } catch (error) {
      port.postMessage(String(error));
      return;
    }
    port.postMessage("ready");
    let trapped = false;
    for (;;) {
      try {
        if (trapped) abandon(thread);
        trapped = false;
        work(thread, 0, 1);
      } catch {
        trapped = true;
      }
    }
  };
};
`;

/** For `node:worker_threads`, as Node, Bun and Deno have them. */
export const nodeWorkerSource = `${serve}import("node:worker_threads").then(({ parentPort }) => serve(parentPort));`;
/** For a Web Worker. */
export const webWorkerSource = `${serve}serve(self);`;
