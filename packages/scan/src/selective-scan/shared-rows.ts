import { formatShape, type Tensor } from "@elapid/tensor";

/** Sizes of a scan's channels and steps, and of its `B` and `C`. */
export type ScanDims = Readonly<
  Record<"batch" | "time" | "inner" | "batchB" | "timeB" | "groupsB" | "batchC" | "timeC" | "groupsC", number>
>;

/**
 * Sizes of `B` or `C` before "state": `[batch, time, groups]`, so that a group of channels has a row of its own at each
 * step, or, where they are constant, `[1, 1, inner]`, a row a channel.
 */
export type Extents = readonly [batch: number, time: number, groups: number];

export const extentsOfB = ({ batchB, timeB, groupsB }: ScanDims): Extents => [batchB, timeB, groupsB];
export const extentsOfC = ({ batchC, timeC, groupsC }: ScanDims): Extents => [batchC, timeC, groupsC];

/** Which row of `B` or `C` channel `e` of `inner` reads in sequence `b` at step `t`. */
export function sharedRow([batch, time, groups]: Extents, inner: number, b: number, t: number, e: number): number {
  return ((b % batch) * time + (t % time)) * groups + Math.floor(e / (inner / groups));
}

/** How many groups of channels have rows of their own at each step; 0 if rows are constant. */
export function groupsPerStep([batch, time, groups]: Extents, inner: number): number {
  return batch === 1 && time === 1 && groups === inner ? 0 : groups;
}

/** How many neighbouring channels share all rows of each step. */
export function familyOf(dims: ScanDims): number {
  const groups = [extentsOfB(dims), extentsOfC(dims)].map((extents) => groupsPerStep(extents, dims.inner) || 1);
  return dims.inner / leastCommonMultiple(groups[0], groups[1]) || 1;
}

function leastCommonMultiple(a: number, b: number): number {
  let [divisor, rest] = [a, b];
  while (rest > 0) [divisor, rest] = [rest, divisor % rest];
  return (a / divisor) * b;
}

/**
 * `B` or `C` of a call as "batch time groups" and the `entry` behind, "state" or "state complex". Variable ones come as
 * "batch time", one group; constant ones as "inner", which becomes "1 1 inner".
 *
 * @throws TypeError if it is none of these.
 */
export function withGroups(op: string, name: "B" | "C", tensor: Tensor, A: Tensor, entry: string): Tensor {
  const { shape } = tensor;
  switch (shape.length - entry.split(" ").length) {
    case 1:
      if (shape[0] !== A.shape[0]) {
        throw new TypeError(`Cannot run "${op}": "inner" is ${A.shape[0]} in A but ${shape[0]} in ${name}`);
      }
      return tensor.reshape([1, 1, ...shape]);
    case 2:
      return tensor.reshape([...shape.slice(0, 2), 1, ...shape.slice(2)]);
    case 3:
      return tensor;
    default:
      throw new TypeError(
        `Cannot run "${op}": ${name} has shape ${formatShape(shape)} but "inner ${entry}", "batch time ${entry}" or ` +
          `"batch time groups ${entry}" was needed`,
      );
  }
}

/**
 * Checks what the shapes of `B` and `C` have to do with those of the channels and steps.
 *
 * @throws TypeError if they have another batch or time than `u`, and are not constant.
 * @throws RangeError if the channels cannot be shared out to the groups evenly.
 */
export function checkRows(op: string, dims: ScanDims): void {
  for (const [name, extents] of [
    ["B", extentsOfB(dims)],
    ["C", extentsOfC(dims)],
  ] as const) {
    if (groupsPerStep(extents, dims.inner) === 0) continue;
    const [batch, time, groups] = extents;
    for (const [dim, size, own] of [
      ["batch", dims.batch, batch],
      ["time", dims.time, time],
    ] as const) {
      if (own !== size) throw new TypeError(`Cannot run "${op}": "${dim}" is ${size} in u but ${own} in ${name}`);
    }
    if (dims.inner % groups !== 0) {
      throw new RangeError(
        `Cannot run "${op}": "inner" is ${dims.inner} but a multiple of the "groups" of ${name}, ${groups}, was needed`,
      );
    }
  }
}
