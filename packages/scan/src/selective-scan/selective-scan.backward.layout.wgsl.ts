import { groupIndex, wgsl } from "@elapid/webgpu";
import { stepKinds } from "./step-kind.wgsl.ts";

export const WORKGROUP = 64;
/** Steps that are walked in one go. */
export const CHUNK = 32;

/** States that are held at once: the most, up to 16, that divide the state. */
export function sliceOf(state: number): number {
  let slice = Math.min(state, 16);
  while (state % slice !== 0) slice--;
  return slice;
}

/**
 * What lies where in scratch:
 *
 * - `steps`: step sizes, later their gradients; gradients of the outputs before the gate; the kinds of steps;
 *   whether a sequence begins in a chunk;
 * - `carries`, states innermost but for the channels: the state before each chunk, later the chunk's share of `A`; the
 *   gradient of the state after it; the sum of its step sizes;
 * - `shares`: outputs before gate and skip; of `B`, then of `C`, what each block of 64 channels adds; of `D`, then of
 *   `deltaBias`, what each chunk adds.
 */
export const layout = wgsl`
${groupIndex}
${stepKinds}
struct Piece { b: u32, chunk: u32, e: u32, first: u32, end: u32 }
fn chunks() -> u32 { return (dims.time + ${CHUNK - 1}) / ${CHUNK}; }
fn rows() -> u32 { return dims.batch * dims.time; }
fn elements() -> u32 { return rows() * dims.inner; }
fn pieces() -> u32 { return dims.batch * chunks() * dims.inner; }
fn blocks() -> u32 { return (dims.inner + ${WORKGROUP - 1}) / ${WORKGROUP}; }
fn gradAt(at: u32) -> u32 { return elements() + at; }
fn kindAt(row: u32) -> u32 { return 2 * elements() + row; }
fn beginsAt(b: u32, chunk: u32) -> u32 { return kindAt(rows()) + b * chunks() + chunk; }
fn stateAt(b: u32, chunk: u32, n: u32, e: u32) -> u32 { return ((b * chunks() + chunk) * dims.state + n) * dims.inner + e; }
fn carryAt(state: u32) -> u32 { return pieces() * dims.state + state; }
fn stepSumAt(piece: u32) -> u32 { return 2 * pieces() * dims.state + piece; }
fn shareOfBAt(block: u32, row: u32, n: u32) -> u32 { return elements() + (block * rows() + row) * dims.state + n; }
fn shareOfCAt(block: u32, row: u32, n: u32) -> u32 { return shareOfBAt(blocks() + block, row, n); }
fn shareOfDAt(piece: u32) -> u32 { return shareOfBAt(2 * blocks(), 0, 0) + piece; }
fn shareOfBiasAt(piece: u32) -> u32 { return shareOfDAt(pieces()) + piece; }
fn pieceAt(i: u32) -> Piece {
  let chunk = i / dims.inner % chunks();
  let first = chunk * ${CHUNK};
  return Piece(i / dims.inner / chunks(), chunk, i % dims.inner, first, min(first + ${CHUNK}, dims.time));
}`;
