import { formatShape, type Tensor } from "@elapid/tensor";

/** Sizes of a scan's channels and steps, and of its `B` and `C`, each of which may be 1 or fewer where entries share. */
export type ScanDims = Readonly<
  Record<"batch" | "time" | "inner" | "batchB" | "timeB" | "groupsB" | "batchC" | "timeC" | "groupsC", number>
>;

/** Of `B` or `C`: how many sequences, steps and groups of channels have rows of their own. */
export type Extents = readonly [batch: number, time: number, groups: number];

export const extentsOfB = ({ batchB, timeB, groupsB }: ScanDims): Extents => [batchB, timeB, groupsB];
export const extentsOfC = ({ batchC, timeC, groupsC }: ScanDims): Extents => [batchC, timeC, groupsC];

/** Which row of `B` or `C` channel `e` of `inner` reads in sequence `b` at step `t`. */
export function sharedRow([batch, time, groups]: Extents, inner: number, b: number, t: number, e: number): number {
  return ((b % batch) * time + (t % time)) * groups + Math.floor(e / (inner / groups));
}

/** Whether every step of every sequence has one row of `B` and one of `C` for all channels, as models have it. */
export function isSharedByChannels(dims: ScanDims): boolean {
  return [extentsOfB(dims), extentsOfC(dims)].every(
    ([batch, time, groups]) => batch === dims.batch && time === dims.time && groups === 1,
  );
}

/**
 * `B` or `C` of a call as "batch time groups" and the `entry` behind, "state" or "state complex": constant ones come
 * as "inner", variable ones as "batch time". What a row is shared by has the size 1.
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
 * @throws TypeError if they have another batch or time than `u`, and not 1.
 * @throws RangeError if the channels cannot be shared out to the groups evenly.
 */
export function checkRows(op: string, dims: ScanDims): void {
  for (const [name, [batch, time, groups]] of [
    ["B", extentsOfB(dims)],
    ["C", extentsOfC(dims)],
  ] as const) {
    for (const [dim, size, own] of [
      ["batch", dims.batch, batch],
      ["time", dims.time, time],
    ] as const) {
      if (own !== size && own !== 1) {
        throw new TypeError(`Cannot run "${op}": "${dim}" is ${size} in u but ${own} in ${name}`);
      }
    }
    if (dims.inner % groups !== 0) {
      throw new RangeError(
        `Cannot run "${op}": "inner" is ${dims.inner} but a multiple of the "groups" of ${name}, ${groups}, was needed`,
      );
    }
  }
}
