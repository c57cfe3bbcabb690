import { FORWARD_PROGRESS } from "@elapid/webgpu";

/** Steps that one invocation takes one after the other. */
export const STEPS = 16;

/** Runs of `STEPS` steps in a tile. */
export const STRIPS = 32;

/** Steps of a tile: what a workgroup scans without asking another. */
export const TILE = STEPS * STRIPS;

/** Rows from which on a GPU is busy when each goes along its tiles by itself. */
const MANY_ROWS = 2048;

/**
 * How a scan of many steps is shared among workgroups. All give the same bits: a row is cut into tiles of 512 steps, a
 * tile into 32 strips of 16, whose results are joined in the order of Hillis and Steele, and tiles from left to right.
 *
 * - `serial`: a row's tiles one after the other. One pass, `time / 512` rounds.
 * - `reduce-then-scan`: all tiles reduced at once, their results scanned, all tiles scanned from there. Three passes.
 * - `look-back`: all tiles at once, each waiting for the results of those before it: one pass over the elements, which needs
 *   that a workgroup that has begun goes on while others wait for it.
 */
export type ScanAlgorithm = "serial" | "reduce-then-scan" | "look-back";

/** The algorithm for rows of `time` steps, of which there are `outer · inner`. */
export function scanAlgorithm(
  { outer, time, inner }: { readonly outer: number; readonly time: number; readonly inner: number },
  features: ReadonlySet<string>,
): ScanAlgorithm {
  if (time <= TILE || outer * inner >= MANY_ROWS) return "serial";
  return features.has(FORWARD_PROGRESS) ? "look-back" : "reduce-then-scan";
}

/** Strips that a tile of these rows needs, a power of two; with few steps a workgroup takes more rows instead. */
export function stripsOf(time: number): number {
  let strips = 1;
  while (strips < STRIPS && strips * STEPS < time) strips *= 2;
  return strips;
}
