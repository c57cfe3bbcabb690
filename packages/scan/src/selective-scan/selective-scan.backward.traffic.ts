import type { Traffic } from "@elapid/webgpu";
import type { Entry } from "./entry.wgsl.ts";
import { formOf } from "./selective-scan.backward.layout.wgsl.ts";
import type { KernelDims } from "./selective-scan.layout.wgsl.ts";
import { sizesOf } from "./selective-scan.traffic.ts";

/** What the backward kernel moves, pass by pass. */
export function backwardTraffic(dims: KernelDims, given: ReadonlySet<string>, entry: Entry, chunks: number): Traffic {
  const { parts } = entry;
  const { elements, states, rates, rowsB, rowsC, slices } = sizesOf(dims, parts);
  const { ownB, ownC, blocks } = formOf(dims, entry);
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
