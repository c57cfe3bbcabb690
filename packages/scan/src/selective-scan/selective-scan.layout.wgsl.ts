import { groupIndex, wgsl, type Wgsl } from "@elapid/webgpu";
import type { Entry } from "./entry.wgsl.ts";
import type { ScanDims } from "./shared-rows.ts";
import { sharedRows } from "./shared-rows.wgsl.ts";
import { stepKinds } from "./step-kind.wgsl.ts";

export const WORKGROUP = 64;

/** Sizes that kernels of the scan are made for. */
export type KernelDims = ScanDims & { readonly state: number };

/** Which text a pass is made of. */
export interface Form {
  /** An entry of the state. */
  readonly entry: Entry;
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

/**
 * What lies where in `carries`, of which every channel has `borders` states: the state before each chunk, channels
 * innermost; how far each chunk lets it decay, as a sum of step sizes; the kind of each chunk,
 * that of the step in it which does most; a copy of `D` and one of `deltaBias`; what kind of step each is. The copies leave the walk
 * with eight tensors to bind.
 */
export function forwardLayout({ entry, chunk, chunked }: Form): Wgsl {
  return wgsl`
${groupIndex}
${entry.text}
${sharedRows}
${stepKinds}
const chunked = ${chunked};
const chunk = ${chunk}u;
fn borders() -> u32 { return select(1u, (dims.time + chunk - 1) / chunk, chunked); }
fn pieces() -> u32 { return dims.batch * borders() * dims.inner; }
fn channels() -> u32 { return dims.batch * dims.inner; }
fn stateAt(b: u32, border: u32, n: u32, e: u32) -> u32 {
  return parts * (((b * borders() + border) * dims.state + n) * dims.inner + e);
}
fn stepSumAt(b: u32, border: u32, e: u32) -> u32 { return parts * pieces() * dims.state + (b * borders() + border) * dims.inner + e; }
fn chunkKindAt(b: u32, border: u32) -> u32 { return stepSumAt(dims.batch, 0, 0) + b * borders() + border; }
fn skipAt(e: u32) -> u32 { return chunkKindAt(dims.batch, 0) + e; }
fn biasAt(e: u32) -> u32 { return skipAt(dims.inner) + e; }
fn kindAt(row: u32) -> u32 { return biasAt(dims.inner + row); }`;
}

/** `carriedOver(h, decay, added, kind)`: the state after a chunk of which the state before it is `h`. */
export const carriedOver = wgsl`
fn carriedOver(h: Entry, decay: Entry, added: Entry, kind: f32) -> Entry {
  if (kind == padding) { return h; }
  if (kind == beginning) { return added; }
  return madd(decay, h, added);
}`;
