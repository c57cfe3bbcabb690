import type { Cell } from "./experiment.ts";

/**
 * Turns long rows into wide ones: a row for each distinct value of `keys`, a column for each value of `column`, and in
 * the cells what `cell` says of the row that belongs there.
 *
 * ```ts
 * pivot([{ length: 8, form: "a", ms: 1 }, { length: 8, form: "b", ms: 2 }], ["length"], "form", (row) => row.ms);
 * // [{ length: 8, a: 1, b: 2 }]
 * ```
 */
export function pivot<R extends object>(
  rows: readonly R[],
  keys: readonly (keyof R & string)[],
  column: keyof R & string,
  cell: (row: R) => Cell,
): Record<string, Cell>[] {
  const columns = [...new Set(rows.map((row) => String(row[column])))];
  const wide = new Map<string, Record<string, Cell>>();
  for (const row of rows) {
    const id = JSON.stringify(keys.map((key) => row[key]));
    const line = wide.get(id) ?? {
      ...Object.fromEntries(keys.map((key) => [key, row[key] as Cell])),
      ...Object.fromEntries(columns.map((name) => [name, null])),
    };
    line[String(row[column])] = cell(row);
    wide.set(id, line);
  }
  return [...wide.values()];
}

/** A number with how far runs or seeds lie apart, as tables print both. */
export function withSpread(value: number, spread: number, digits = 3): string {
  return `${Number(value.toPrecision(digits))} ±${(100 * spread).toFixed(0)} %`;
}

/** Rows that agree in `keys`, group by group, in the order in which the groups are met. */
export function groups<R extends object>(rows: readonly R[], keys: readonly (keyof R)[]): R[][] {
  const found = new Map<string, R[]>();
  for (const row of rows) {
    const id = JSON.stringify(keys.map((key) => row[key]));
    const group = found.get(id) ?? [];
    group.push(row);
    found.set(id, group);
  }
  return [...found.values()];
}
