import { groupIndex, wgsl, type Wgsl } from "@elapid/webgpu";
import type { Entry } from "./entry.wgsl.ts";
import { WORKGROUP, type KernelDims } from "./selective-scan.layout.wgsl.ts";
import { extentsOfB, extentsOfC, type Extents } from "./shared-rows.ts";
import { sharedRows } from "./shared-rows.wgsl.ts";
import { stepKinds } from "./step-kind.wgsl.ts";

/** Steps that are walked in one go. */
export const CHUNK = 32;

/** Which text the passes are made of, and how much they keep. */
export interface BackwardForm {
  /** An entry of the state. */
  readonly entry: Entry;
  /** Whether each channel has one row of `B`, or of `C`, for all steps. */
  readonly ownB: boolean;
  readonly ownC: boolean;
  /** Runs of channels that share rows of `B` and of `C`. */
  readonly segments: number;
  /** Workgroups that cover the channels, none of them reaching over the end of a segment. */
  readonly blocks: number;
}

export function formOf(dims: KernelDims, entry: Entry): BackwardForm {
  const [ownB, ownC] = [isOwn(dims, extentsOfB(dims)), isOwn(dims, extentsOfC(dims))];
  const segments = leastCommonMultiple(ownB ? 1 : dims.groupsB, ownC ? 1 : dims.groupsC);
  return { entry, ownB, ownC, segments, blocks: segments * Math.ceil(dims.inner / segments / WORKGROUP) };
}

/** Whether `B` and `C` have a row for each step or one for all of them: what is between has no kernel. */
export function isCovered(dims: KernelDims): boolean {
  return [extentsOfB(dims), extentsOfC(dims)].every(
    (extents) => isOwn(dims, extents) || (extents[0] === dims.batch && extents[1] === dims.time),
  );
}

function isOwn({ inner }: KernelDims, [batch, time, groups]: Extents): boolean {
  return batch === 1 && time === 1 && groups === inner;
}

function leastCommonMultiple(a: number, b: number): number {
  let multiple = a;
  while (multiple % b !== 0) multiple += a;
  return multiple;
}

/**
 * What lies where in scratch:
 *
 * - `steps`: step sizes, later their gradients; gradients of the outputs before the gate; the kinds of steps;
 * - `carries`, states innermost but for the channels: the state before each chunk, later the chunk's share of `A`; the
 *   gradient of the state after it, later its share of a `B` that each channel has for itself; its share of such a `C`;
 *   the sum of its step sizes; its kind, that of the step in it which does most;
 * - `shares`: outputs before gate and skip; of `B`, then of `C`, what each block of 64 channels adds; of `D`, then of
 *   `deltaBias`, what each chunk adds.
 */
export function layout({ entry, ownB, ownC, segments, blocks }: BackwardForm): Wgsl {
  return wgsl`
${groupIndex}
${entry.text}
${stepKinds}
${sharedRows}
struct Piece { b: u32, chunk: u32, e: u32, first: u32, end: u32 }
const ownB = ${ownB};
const ownC = ${ownC};
const segments = ${segments}u;
const blocks = ${blocks}u;
fn chunks() -> u32 { return (dims.time + ${CHUNK - 1}) / ${CHUNK}; }
fn rows() -> u32 { return dims.batch * dims.time; }
fn elements() -> u32 { return rows() * dims.inner; }
fn pieces() -> u32 { return dims.batch * chunks() * dims.inner; }
fn gradAt(at: u32) -> u32 { return elements() + at; }
fn kindAt(row: u32) -> u32 { return 2 * elements() + row; }
fn stateAt(b: u32, chunk: u32, n: u32, e: u32) -> u32 {
  return parts * (((b * chunks() + chunk) * dims.state + n) * dims.inner + e);
}
fn carryAt(place: u32) -> u32 { return parts * pieces() * dims.state + place; }
fn ownShareOfCAt(place: u32) -> u32 { return carryAt(carryAt(place)); }
fn stepSumAt(piece: u32) -> u32 { return select(carryAt(carryAt(0)), ownShareOfCAt(carryAt(0)), ownC) + piece; }
fn chunkKindAt(b: u32, chunk: u32) -> u32 { return stepSumAt(pieces()) + b * chunks() + chunk; }
fn shareOfBAt(block: u32, row: u32, n: u32) -> u32 { return elements() + parts * ((block * rows() + row) * dims.state + n); }
fn shareOfCAt(block: u32, row: u32, n: u32) -> u32 { return shareOfBAt(select(blocks, 0u, ownB) + block, row, n); }
fn shareOfDAt(piece: u32) -> u32 { return shareOfCAt(select(blocks, 0u, ownC), 0, 0) + piece; }
fn shareOfBiasAt(piece: u32) -> u32 { return shareOfDAt(pieces()) + piece; }
fn pieceAt(i: u32) -> Piece {
  let chunk = i / dims.inner % chunks();
  let first = chunk * ${CHUNK};
  return Piece(i / dims.inner / chunks(), chunk, i % dims.inner, first, min(first + ${CHUNK}, dims.time));
}`;
}
