/** Which way a scan runs along time. */
export interface ScanOptions {
  /** From the last element to the first. Default: from the first to the last. */
  readonly reverse?: boolean;
}

/** Attributes of the ops, as their references get them. */
export type Direction = { readonly reverse: boolean };

/** The elements of a row in the order of a scan: the places of its steps, counted over all rows. */
export function steps(row: number, time: number, reverse: boolean): number[] {
  return Array.from({ length: time }, (_, s) => row * time + (reverse ? time - 1 - s : s));
}
