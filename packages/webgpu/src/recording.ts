import type { Recording } from "@elapid/tensor";
import type { CommandQueue, Grid } from "./dispatch.ts";
import type { Pipeline } from "./pipelines.ts";

/** One dispatch of a kernel, with all that it binds. */
export interface Dispatch {
  readonly op: string;
  readonly pipeline: Pipeline;
  readonly bind: (device: GPUDevice) => GPUBindGroup;
  readonly groups: Grid;
}

/** A dispatch, or work that goes through the host. */
export type Step = Dispatch | (() => void);

/**
 * Dispatches that are encoded one behind the other, in one command of the queue as far as none goes through the host.
 * Bind groups are made when they are encoded first.
 */
export function recordSteps(steps: readonly Step[], queue: CommandQueue, dispose: () => void): Recording {
  const runs: (() => void)[] = [];
  let dispatches: Dispatch[] = [];
  for (const step of steps) {
    if (typeof step === "function") {
      runs.push(step);
      dispatches = [];
      continue;
    }
    if (dispatches.length === 0) {
      const together = dispatches;
      runs.push(() => queue.push("replay", encoderOf(together, queue)));
    }
    dispatches.push(bindOnce(step));
  }
  return {
    replay: () => {
      for (const run of runs) run();
    },
    dispose,
  };
}

function bindOnce(dispatch: Dispatch): Dispatch {
  let group: GPUBindGroup | undefined;
  return { ...dispatch, bind: (device) => (group ??= dispatch.bind(device)) };
}

/** Encodes dispatches as soon as all of their pipelines are compiled. */
function encoderOf(dispatches: readonly Dispatch[], queue: CommandQueue): () => void | Promise<void> {
  const encode = () => {
    for (const { op, pipeline, bind, groups } of dispatches) queue.dispatch(op, pipeline.compiled!, bind, groups);
  };
  return () => {
    const missing = dispatches.filter(({ pipeline }) => pipeline.compiled === undefined);
    return missing.length === 0 ? encode() : Promise.all(missing.map(({ pipeline }) => pipeline.ready)).then(encode);
  };
}
