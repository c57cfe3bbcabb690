/** One pass of an op, as threads are told to run it. */
export interface Command {
  /** Index in the list of kernels. */
  readonly kernel: number;
  readonly units: number;
  /** Units that a thread takes at a time. */
  readonly chunkUnits: number;
  /** How many chunks at first have `largeUnits` instead. Default: none. */
  readonly large?: number;
  readonly largeUnits?: number;
  readonly args: readonly number[];
  /** Thread `t` has its scratch at `scratch + t * scratchBytes`. */
  readonly scratch: number;
  readonly scratchBytes: number;
}

/** Integers of a command before its args; `walk.as.ts` reads them. */
const HEAD = 9;

export function commandBytes({ args }: Command): number {
  return 4 * (HEAD + args.length);
}

/** Writes a command at an address; `next` is the address of the one that follows, 0 if none does. */
export function writeCommand(words: Int32Array, address: number, command: Command, next: number): void {
  const { kernel, units, chunkUnits, large = 0, largeUnits = 0, args, scratch, scratchBytes } = command;
  let at = address >>> 2;
  words[at++] = kernel;
  words[at++] = units;
  words[at++] = chunkUnits;
  words[at++] = Math.max(1, large + Math.ceil((units - large * largeUnits) / chunkUnits));
  words[at++] = large;
  words[at++] = largeUnits;
  words[at++] = scratch;
  words[at++] = scratchBytes;
  words[at++] = next;
  for (const arg of args) words[at++] = arg;
}
