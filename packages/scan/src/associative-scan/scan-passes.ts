import type { ScanPiece, ScanText } from "./scan-text.ts";

/** Sizes that every scan has. */
export interface ScanSizes {
  readonly outer: number;
  readonly time: number;
  readonly inner: number;
}

/** The tensors that pieces of a scan touch, each once. */
export function bindsOf(...pieces: readonly ScanPiece[]): string[] {
  return [...new Set(pieces.flatMap(({ binds }) => binds))];
}

/** Invocations of a workgroup: as many as are granted everywhere, or as have a `Run` each in 16 KiB. */
export function lanesOf({ bytes }: ScanText): number {
  let lanes = 256;
  while (lanes * bytes > 16_384) lanes /= 2;
  return lanes;
}
