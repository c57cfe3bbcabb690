import { CONTROL_PAGE } from "./memory.ts";

/**
 * Layout of the page through which threads talk: places in an `Int32Array` over it. What different
 * threads write stands in different cache lines, 16 integers each.
 */
export const control = {
  address: CONTROL_PAGE,
  /** Number of the current job; a change starts the workers. */
  job: 0,
  /** Workers that sleep until the job changes. */
  sleepers: 16,
  /** 1 while the caller sleeps until a worker is done. */
  callerSleeps: 32,
  /** Which kernel, and its arguments after `begin`, `end` and `scratch`. */
  kernel: 48,
  args: 49,
  /** First line of the workers, one each. */
  workers: 80,
  /** In a worker's line: the last job it finished, whether its kernel trapped, its range, its scratch. */
  done: 0,
  trapped: 1,
  begin: 2,
  end: 3,
  scratch: 4,
  line: 16,
} as const;

export const MAX_ARGS = 20;
export const MAX_THREADS = 64;
