import { groupIndex, wgsl, type Wgsl } from "@elapid/webgpu";
import { entry } from "./entry.wgsl.ts";

export const WORKGROUP = 64;

/** Which text a pass is made of. */
export interface Form {
  /** Numbers of an entry of the state: 2 where it is complex. */
  readonly parts: 1 | 2;
  /** Steps of a chunk. */
  readonly chunk: number;
  /** Whether there is a border for each chunk, or one for the whole channel. */
  readonly chunked: boolean;
}

/** Entries of the state that are held at once: the most, up to 16 numbers, that divide the state. */
export function sliceOf(state: number, parts: 1 | 2): number {
  let slice = Math.min(state, 16 / parts);
  while (state % slice !== 0) slice--;
  return slice;
}

/** Kinds of steps: padded, which nothing is known of; kept; kept and the first of a packed sequence, so that the state is empty. */
export const kinds = wgsl`
const PADDED = 0.0;
const KEPT = 1.0;
const BEGINS = 2.0;`;

/** `kindOf(row)`: a packed sequence begins where `seqIdx` is another than that of the last kept step before. */
export const kindOf = wgsl`${kinds}
fn kindOf(row: u32) -> f32 {
  if (hasMask) {
    if (mask[row] == 0) { return PADDED; }
  }
  if (hasSeqIdx) {
    for (var back = 1u; back <= row % dims.time; back++) {
      if (hasMask) {
        if (mask[row - back] == 0) { continue; }
      }
      return select(KEPT, BEGINS, seqIdx[row - back] != seqIdx[row]);
    }
  }
  return KEPT;
}`;

/** Where channel `e` of sequence `b` finds its rows of `B` and `C`: the one of its first step, and how far the next is. */
export const sharedRows = wgsl`
struct Rows { first: u32, stride: u32 }
fn rowsOf(b: u32, e: u32, batch: u32, time: u32, groups: u32) -> Rows {
  return Rows((b % batch) * time * groups + e / (dims.inner / groups), select(groups, 0u, time == 1));
}
fn rowsOfB(b: u32, e: u32) -> Rows { return rowsOf(b, e, dims.batchB, dims.timeB, dims.groupsB); }
fn rowsOfC(b: u32, e: u32) -> Rows { return rowsOf(b, e, dims.batchC, dims.timeC, dims.groupsC); }`;

/**
 * What lies where in `carries`, of which every channel has `borders` states: the state before each chunk, channels
 * innermost; how far each chunk lets it decay, as a sum of step sizes; whether a packed sequence begins in the chunk, so
 * that nothing is left of it; a copy of `D` and one of `deltaBias`; what kind of step each is. The copies leave the walk
 * with eight tensors to bind.
 */
export function forwardLayout({ parts, chunk, chunked }: Form): Wgsl {
  return wgsl`
${groupIndex}
${entry(parts)}
${sharedRows}
const chunked = ${chunked};
const chunk = ${chunk}u;
fn borders() -> u32 { return select(1u, (dims.time + chunk - 1) / chunk, chunked); }
fn pieces() -> u32 { return dims.batch * borders() * dims.inner; }
fn channels() -> u32 { return dims.batch * dims.inner; }
fn stateAt(b: u32, border: u32, n: u32, e: u32) -> u32 {
  return parts * (((b * borders() + border) * dims.state + n) * dims.inner + e);
}
fn stepSumAt(b: u32, border: u32, e: u32) -> u32 { return parts * pieces() * dims.state + (b * borders() + border) * dims.inner + e; }
fn cutAt(b: u32, border: u32) -> u32 { return stepSumAt(dims.batch, 0, 0) + b * borders() + border; }
fn skipAt(e: u32) -> u32 { return cutAt(dims.batch, 0) + e; }
fn biasAt(e: u32) -> u32 { return skipAt(dims.inner) + e; }
fn kindAt(row: u32) -> u32 { return biasAt(dims.inner + row); }`;
}
