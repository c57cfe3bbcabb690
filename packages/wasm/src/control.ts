import { CONTROL_PAGE } from "./memory.ts";

/** Where on the page through which threads talk things lie, in bytes; `walk.as.ts` knows what they are for. */
export const control = {
  /** Two integers: how many chunks are left, and how many times an op was opened. */
  ticket: CONTROL_PAGE,
  /** The current op. */
  op: CONTROL_PAGE + 192,
  /** The op whose kernel trapped, else 0. */
  trapped: CONTROL_PAGE + 196,
  /** A command for one op that is run at once. */
  command: CONTROL_PAGE + 256,
} as const;

/** Chunks that are left when there is no op. */
export const IDLE = -1;
