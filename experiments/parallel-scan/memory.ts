import { TILE, type ScanMemory } from "./algorithms.ts";

/** Where each part of a shared memory begins, in bytes. */
export interface Layout {
  readonly buffer: SharedArrayBuffer;
  readonly time: number;
  readonly lanes: number;
}

/** Memory for sequences of a length and so many lanes, all zero. */
export function allocate(time: number, lanes: number): Layout {
  return { buffer: new SharedArrayBuffer(bytesOf(time, lanes)), time, lanes };
}

/** The arrays of a memory, as every thread sees them. */
export function view({ buffer, time, lanes }: Layout): ScanMemory {
  const words = scratchWords(time, lanes);
  const floats = (index: number, length: number) => new Float32Array(buffer, 4 * index, length);
  return {
    a: floats(0, time),
    b: floats(time, time),
    h: floats(2 * time, time),
    scratch: floats(3 * time, words),
    flags: new Int32Array(buffer, 4 * (3 * time + words), flagWords(time)),
  };
}

function bytesOf(time: number, lanes: number): number {
  return 4 * (3 * time + scratchWords(time, lanes) + flagWords(time));
}

/** Four arrays of the next power of two, in which the borders of lanes have room too. */
function scratchWords(time: number, lanes: number): number {
  return 4 * 2 ** Math.ceil(Math.log2(Math.max(time, lanes)));
}

function flagWords(time: number): number {
  return 1 + Math.ceil(time / TILE);
}
