import type { Recording } from "@elapid/tensor";
import { commandBytes, writeCommand, type Command } from "./commands.ts";
import type { Block } from "./memory.ts";
import { KernelTrap, type ThreadPool } from "./threads.ts";

/** A pass of a kernel. */
export interface Pass {
  readonly command: Command;
  readonly op: string;
  readonly entry: string;
}

/** Runs something of the pool; a trap is told with the pass that `find` knows by the address of its command. */
export function withNames(run: () => void, find: (address: number) => Pass): void {
  try {
    run();
  } catch (cause) {
    if (!(cause instanceof KernelTrap)) throw cause;
    const { op, entry } = find(cause.command);
    throw new Error(`Cannot run "${op}": its kernel "${entry}" failed: ${cause.message}`, { cause });
  }
}

/** Memory that a program takes beside its tensors. */
export interface ProgramMemory {
  readonly allocate: (bytes: number) => Block;
  readonly free: (block: Block) => void;
  /** What its passes work in. */
  readonly work: Block;
}

/**
 * A program: its passes are commands behind each other in memory, which the threads walk through by themselves; between
 * them stand functions, for what no kernel does.
 */
export function recordSteps(
  steps: readonly (Pass | (() => void))[],
  pool: ThreadPool,
  { allocate, free, work }: ProgramMemory,
): Recording {
  const bytes = steps.reduce((sum, step) => sum + (typeof step === "function" ? 0 : commandBytes(step.command)), 0);
  const commands = allocate(bytes);
  const known = new Map<number, Pass>();
  const runs: (() => void)[] = [];
  let at = commands.address;
  for (const [i, step] of steps.entries()) {
    if (typeof step === "function") {
      runs.push(step);
      continue;
    }
    const list = at;
    if (typeof steps[i - 1] !== "object") {
      runs.push(() =>
        withNames(
          () => pool.run(list),
          (address) => known.get(address)!,
        ),
      );
    }
    known.set(list, step);
    at += commandBytes(step.command);
    writeCommand(pool.words, list, step.command, typeof steps[i + 1] === "object" ? at : 0);
  }
  return {
    replay: () => {
      for (const run of runs) run();
    },
    dispose: () => {
      free(commands);
      free(work);
    },
  };
}
