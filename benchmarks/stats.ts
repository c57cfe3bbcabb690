/** The middle of some numbers. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Half the distance between the quartiles, as a share of the median. */
export function spread(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return (at(0.75) - at(0.25)) / 2 / median(values);
}

/** Runs each work in turn, round after round, so that a slow minute of the machine slows all of them; gives seconds by work. */
export async function interleave(rounds: number, works: readonly (() => void | Promise<void>)[]): Promise<number[][]> {
  const seconds = works.map((): number[] => []);
  for (const work of works) await work(); // compiles and warms caches
  for (let round = 0; round < rounds; round++) {
    for (const [i, work] of works.entries()) {
      const start = performance.now();
      await work();
      seconds[i].push((performance.now() - start) / 1000);
    }
  }
  return seconds;
}
