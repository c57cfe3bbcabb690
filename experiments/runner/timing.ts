import type { Device } from "@elapid/tensor";
import { interleave, median, spread } from "../../benchmarks/stats.ts";

/** What interleaved runs of some work took. */
export interface Timing {
  readonly milliseconds: number;
  /** Half the distance between the quartiles, as a share of the median. */
  readonly spread: number;
}

/** Runs each work in turn, round after round, in a scope of its own; gives the medians in the order of the works. */
export async function time(device: Device, rounds: number, works: readonly (() => void)[]): Promise<Timing[]> {
  const seconds = await interleave(
    rounds,
    works.map((work) => () => inScope(device, work)),
  );
  return seconds.map((runs) => ({ milliseconds: 1000 * median(runs), spread: spread(runs) }));
}

/** Runs some work, frees what it made, and waits until the device has done it. */
async function inScope(device: Device, work: () => void): Promise<void> {
  {
    using _ = device.scope();
    work();
  }
  await device.finish();
}

/** The exponent `p` of the power law `y = c x^p` that fits best, by least squares of the logarithms. */
export function exponent(points: readonly { readonly x: number; readonly y: number }[]): number {
  const [xs, ys] = [points.map(({ x }) => Math.log(x)), points.map(({ y }) => Math.log(y))];
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(xs), mean(ys)];
  const along = xs.reduce((sum, value, i) => sum + (value - x) * (ys[i] - y), 0);
  return along / xs.reduce((sum, value) => sum + (value - x) ** 2, 0);
}
