import type { Cell } from "../runner/experiment.ts";
import { groups } from "../runner/table.ts";

/** Middle and ends of what some seeds gave. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** Rows that agree in `keys` as one, with the median and the ends of `value` over their seeds. */
export function overSeeds<R extends object, K extends keyof R & string>(
  rows: readonly R[],
  keys: readonly K[],
  value: (row: R) => number,
): (Pick<R, K> & Spread)[] {
  return groups(rows, keys).map((group) => {
    const sorted = group.map(value).toSorted((a, b) => a - b);
    const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
    const same = Object.fromEntries(keys.map((key) => [key, group[0][key]])) as Pick<R, K>;
    return { ...same, median: (low + high) / 2, least: sorted[0], most: sorted[sorted.length - 1] };
  });
}

/** A share in percent with the ends of its seeds: `97.2 (95.1 to 99.0)`. */
export function percent({ median, least, most }: Spread): string {
  const text = (share: number) => (100 * share).toFixed(1);
  return least === most ? text(median) : `${text(median)} (${text(least)} to ${text(most)})`;
}

/** A number with the ends of its seeds. */
export function between({ median, least, most }: Spread, digits = 3): string {
  return `${median.toFixed(digits)} (${least.toFixed(digits)} to ${most.toFixed(digits)})`;
}

/** Rows as a table shows them, but for the seconds, which tell of what else the machine did. */
export function untimed<R extends object>(rows: readonly R[]): Record<string, Cell>[] {
  return rows.map((row) => Object.fromEntries(Object.entries(row).filter(([name]) => name !== "seconds")));
}
