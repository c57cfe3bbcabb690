import type { Traffic } from "@elapid/webgpu";
import { sliceOf, type KernelDims } from "./selective-scan.layout.wgsl.ts";

/** Numbers of the tensors of a call. */
export function sizesOf({ batch, time, inner, state, ...dims }: KernelDims, parts: 1 | 2) {
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
