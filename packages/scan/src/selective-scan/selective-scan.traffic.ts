import type { Traffic } from "@elapid/webgpu";
import { formOf } from "./selective-scan.backward.layout.wgsl.ts";
import { sliceOf, type KernelDims } from "./selective-scan.layout.wgsl.ts";

/** Numbers of the tensors of a call. */
function sizesOf({ batch, time, inner, state, ...dims }: KernelDims, parts: 1 | 2) {
  return {
    elements: batch * time * inner,
    states: batch * inner * state * parts,
    rates: inner * state * parts,
    rowsB: dims.batchB * dims.timeB * dims.groupsB * state * parts,
    rowsC: dims.batchC * dims.timeC * dims.groupsC * state * parts,
    slices: state / sliceOf(state, parts),
  };
}

/**
 * What the forward kernels move: of each element `u` and `delta` for every slice of the state, `z` once, and `y` stored and,
 * after the first slice, loaded; if chunked, `u` and `delta` once more, and the states at the borders four times.
 */
export function forwardTraffic(
  dims: KernelDims,
  given: ReadonlySet<string>,
  parts: 1 | 2,
  borders: number | undefined,
): Traffic {
  const { elements, states, rates, rowsB, rowsC, slices } = sizesOf(dims, parts);
  const z = given.has("z") ? elements : 0;
  const walked = elements * (4 * slices - 1) + z + rates + rowsB + rowsC;
  const around =
    borders === undefined ? 6 * states : 2 * elements * slices + 2 * rates + rowsB + 2 * states + 4 * states * borders;
  return { moved: 4 * (walked + around), least: 4 * (3 * elements + z + rates + rowsB + rowsC + 2 * states) };
}

/** What the backward kernel moves, pass by pass. */
export function backwardTraffic(dims: KernelDims, given: ReadonlySet<string>, parts: 1 | 2, chunks: number): Traffic {
  const { elements, states, rates, rowsB, rowsC, slices } = sizesOf(dims, parts);
  const { ownB, ownC, blocks } = formOf(dims, parts);
  const z = given.has("z") ? elements : 0;
  const skip = given.has("D") ? elements : 0;
  const borders = states * chunks;
  const shares = (Number(!ownB) + Number(!ownC)) * blocks * dims.batch * dims.time * dims.state * parts;
  const ownShares = (Number(ownB) + Number(ownC)) * borders;
  const moved =
    6 * elements +
    z + // delta, dy, z; the step size, its slope, the gradients before the gate and of it
    3 * elements * slices +
    rates +
    rowsB +
    rowsC +
    2 * borders + // each chunk alone
    4 * borders +
    rates +
    3 * states + // over the borders
    3 * elements * slices +
    3 * elements +
    rates +
    rowsB +
    rowsC +
    3 * borders +
    shares +
    ownShares + // each chunk
    5 * elements +
    2 * skip +
    3 * z + // skip, gate, slopes
    shares +
    ownShares +
    borders +
    rates +
    rowsB +
    rowsC; // sums
  const least = 5 * elements + 2 * z + 2 * (rates + rowsB + rowsC) + 3 * states;
  return { moved: 4 * moved, least: 4 * least };
}
