import type { Data } from "./experiment.ts";

interface Measured {
  readonly machine: string;
  readonly devices: readonly string[];
  readonly data: Data;
}

/** A part of which one seed was measured anew: rows of other seeds stay, those without a seed are the new ones. */
export function withSeed<R extends Measured>(before: R | undefined, after: R, seed: number): R {
  if (before === undefined) return after;
  const data: Record<string, readonly object[]> = { ...before.data };
  for (const [list, rows] of Object.entries(after.data)) {
    const seeded = (row: object): row is { readonly seed: number } => "seed" in row;
    const kept = (before.data[list] ?? []).filter((row) => seeded(row) && row.seed !== seed);
    const order = (row: object) => (seeded(row) ? row.seed : 0);
    data[list] = [...kept, ...rows].toSorted((a, b) => order(a) - order(b));
  }
  return {
    ...after,
    machine: union(before.machine.split(" / "), [after.machine]).join(" / "),
    devices: union(before.devices, after.devices),
    data,
  };
}

function union(some: readonly string[], others: readonly string[]): string[] {
  return [...new Set([...some, ...others])];
}
