import { groupIndex, wgsl, type Wgsl } from "@elapid/webgpu";

export const WORKGROUP = 64;

/** States that are held at once: the most, up to 16, that divide the state. */
export function sliceOf(state: number): number {
  let slice = Math.min(state, 16);
  while (state % slice !== 0) slice--;
  return slice;
}

/**
 * What lies where in `carries`, of which every channel has `borders` states: the state before each chunk, channels
 * innermost; how far each chunk lets it decay, as a sum of step sizes; a copy of `D` and one of `deltaBias`; what kind
 * of step each is. The copies leave the walk with eight tensors to bind.
 *
 * @param chunk Steps of a chunk.
 * @param chunked Whether there is a border for each chunk, or one for the whole channel.
 */
export function forwardLayout(chunk: number, chunked: boolean): Wgsl {
  return wgsl`
${groupIndex}
const chunked = ${chunked};
const chunk = ${chunk}u;
const PADDED = 0.0;
const KEPT = 1.0;
fn borders() -> u32 { return select(1u, (dims.time + chunk - 1) / chunk, chunked); }
fn pieces() -> u32 { return dims.batch * borders() * dims.inner; }
fn stateAt(b: u32, border: u32, n: u32, e: u32) -> u32 { return ((b * borders() + border) * dims.state + n) * dims.inner + e; }
fn stepSumAt(piece: u32) -> u32 { return pieces() * dims.state + piece; }
fn skipAt(e: u32) -> u32 { return stepSumAt(pieces()) + e; }
fn biasAt(e: u32) -> u32 { return skipAt(dims.inner) + e; }
fn kindAt(row: u32) -> u32 { return biasAt(dims.inner) + row; }`;
}

/** `share(i)` copies one number of `D`, of `deltaBias` and the kind of one step, for `i` up to `sharedElements`. */
export const share = wgsl`
fn share(i: u32) {
  if (i < dims.inner) {
    if (hasD) { carries[skipAt(i)] = D[i]; }
    if (hasDeltaBias) { carries[biasAt(i)] = deltaBias[i]; }
  }
  if (i < dims.batch * dims.time) {
    var kind = KEPT;
    if (hasMask) { kind = select(KEPT, PADDED, mask[i] == 0); }
    carries[kindAt(i)] = kind;
  }
}`;

export function sharedElements({ batch, time, inner }: Readonly<Record<"batch" | "time" | "inner", number>>): number {
  return Math.max(batch * time, inner);
}
