/** What the runtimes that elapid supports differ in, as far as memory and threads are concerned. */

interface Process {
  getBuiltinModule?(name: string): unknown;
}

interface Globals {
  readonly process?: Process;
  readonly crossOriginIsolated?: boolean;
  readonly navigator?: { readonly hardwareConcurrency?: number };
}

const globals: Globals = globalThis as object;

/** A module built into Node, Bun or Deno; `undefined` in a browser. Bundlers see no import. */
export function builtin<T>(name: string): T | undefined {
  return globals.process?.getBuiltinModule?.(name) as T | undefined;
}

/** Whether threads may share memory here: a page has to be cross-origin isolated. */
export function canShareMemory(): boolean {
  if (typeof SharedArrayBuffer === "undefined") return false;
  return globals.crossOriginIsolated ?? builtin("node:worker_threads") !== undefined;
}

/** Threads that the machine runs at once, as far as the runtime tells. */
export function hardwareThreads(): number {
  const os = builtin<{ availableParallelism?(): number }>("node:os");
  return os?.availableParallelism?.() ?? globals.navigator?.hardwareConcurrency ?? 1;
}

/** Whether this thread may sleep in `Atomics.wait`: the main thread of a page may not. */
export function canSleep(): boolean {
  return typeof document === "undefined";
}
