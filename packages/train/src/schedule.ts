/** Learning rate of a step; steps count from 0. */
export type Schedule = (step: number) => number;

export interface ScheduleOptions {
  /** The highest learning rate. */
  readonly peak: number;
  /** Steps from 0 to where the learning rate has ended. */
  readonly steps: number;
  /** Steps over which it rises linearly, the first of them to `peak / warmup`. Default 0. */
  readonly warmup?: number;
  /** What it ends with, and stays at. Default 0. */
  readonly floor?: number;
}

export interface WsdOptions extends ScheduleOptions {
  /** Steps of decay at the end. Default: a fifth of `steps`. */
  readonly decay?: number;
}

/**
 * Falls from `peak` to `floor` along half a cosine (Loshchilov & Hutter 2017).
 *
 * @throws RangeError if the steps do not fit together.
 */
export function cosineSchedule(options: ScheduleOptions): Schedule {
  return warmedUp(options, 0, (progress) => (1 + Math.cos(Math.PI * progress)) / 2);
}

/**
 * Falls from `peak` to `floor` in a straight line.
 *
 * @throws RangeError if the steps do not fit together.
 */
export function linearSchedule(options: ScheduleOptions): Schedule {
  return warmedUp(options, 0, (progress) => 1 - progress);
}

/**
 * Warm-up, stable, decay: stays at `peak` and falls in a straight line in the last `decay` steps (Hu et al. 2024).
 * A run can be prolonged from any step before the decay.
 *
 * @throws RangeError if the steps do not fit together.
 */
export function wsdSchedule(options: WsdOptions): Schedule {
  const { steps, warmup = 0, decay = Math.ceil(steps / 5) } = options;
  return warmedUp(options, steps - warmup - decay, (progress) => 1 - progress);
}

/** Rises over the warm-up, stays for `stable` steps, then follows `shape`, which maps 0..1 to 1..0. */
function warmedUp(
  { peak, steps, warmup = 0, floor = 0 }: ScheduleOptions,
  stable: number,
  shape: (progress: number) => number,
): Schedule {
  if (!(warmup >= 0 && stable >= 0 && warmup + stable <= steps)) {
    throw new RangeError(
      `Cannot make a schedule: ${steps} steps cannot hold ${warmup} of warm-up and ${steps - warmup - stable} of decay`,
    );
  }
  if (!(floor >= 0 && peak >= floor && peak < Infinity)) {
    throw new RangeError(`Cannot make a schedule: it cannot fall from ${peak} to ${floor}`);
  }
  return (step) => {
    if (step < warmup) return (peak * (step + 1)) / warmup;
    if (step >= steps) return floor;
    const progress = Math.max(0, step - warmup - stable) / (steps - warmup - stable);
    return stable > 0 && step < warmup + stable ? peak : floor + (peak - floor) * shape(progress);
  };
}
