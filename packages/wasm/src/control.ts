import { CONTROL_PAGE } from "./memory.ts";

/**
 * Layout of the page through which threads talk: places in an `Int32Array` over it. Words that several
 * threads write stand in cache lines of their own, 16 integers each.
 */
export const control = {
  address: CONTROL_PAGE,
  length: 144,
  /** Number of the current job; a change wakes the workers. */
  job: 0,
  /** Workers that sleep until the job changes. */
  sleepers: 16,
  /** Next chunk of the job that nobody has taken; `CLOSED` or more while there is no job. */
  next: 32,
  /** Workers that may be at a chunk. */
  active: 48,
  /** 1 while the caller sleeps until no worker is active. */
  callerSleeps: 64,
  /** 1 once a kernel trapped on a worker. */
  trapped: 65,
  /** The job, written by the caller while it is closed and no worker is active. */
  kernel: 80,
  units: 81,
  /** Units of each chunk; the last may have fewer. */
  chunkUnits: 82,
  chunks: 83,
  scratch: 84,
  scratchBytes: 85,
  args: 86,
} as const;

/** Value of `next` that no worker takes for a chunk. */
export const CLOSED = 2 ** 30;
export const MAX_ARGS = 48;
