import { groupIndex, wgsl, type Wgsl } from "@elapid/webgpu";
import { STEPS, TILE } from "./scan-algorithm.ts";

/**
 * What the scan of one tile consists of. A workgroup has several jobs, each a tile of a row, and `strips` lanes for each.
 * Behind time lies memory of the next rows, so where there are several, lanes next to each other have jobs of neighbouring
 * rows; else they have neighbouring strips. The order in which steps are joined is the same.
 *
 * - `seatOf(lane)`: its job, its strip, and how far the lane of the next strip is;
 * - `placeOf(row, step)`: the number of an element;
 * - `joinStrips(lane, seat)`: what a job's strips amount to, each with all before it, in `runs`, by Hillis and Steele;
 *   `beforeStrip` and `wholeTile` read it. Holds barriers.
 */
export function tiles(strips: number, lanes: number): Wgsl {
  return wgsl`
${groupIndex} ${tileCount}
const JOBS = ${lanes / strips}u;
var<workgroup> runs: array<Run, ${lanes}>;

struct Seat { job: u32, strip: u32, pitch: u32 }

fn seatOf(lane: u32) -> Seat {
  if (dims.inner == 1u) { return Seat(lane / ${strips}u, lane % ${strips}u, 1u); }
  return Seat(lane % JOBS, lane / JOBS, JOBS);
}

fn placeOf(row: u32, step: u32) -> u32 {
  let along = select(step, dims.time - 1u - step, fromEnd);
  return ((row / dims.inner) * dims.time + along) * dims.inner + row % dims.inner;
}

fn firstOf(seat: Seat, tile: u32) -> u32 { return min(tile * ${TILE}u + seat.strip * ${STEPS}u, dims.time); }

fn endOf(first: u32) -> u32 { return min(first + ${STEPS}u, dims.time); }

fn runOf(row: u32, first: u32, end: u32) -> Run {
  var run = elementOf(row, placeOf(row, first), first);
  for (var step = first + 1u; step < end; step++) { run = join(run, elementOf(row, placeOf(row, step), step)); }
  return run;
}

fn joinStrips(lane: u32, seat: Seat) {
  workgroupBarrier();
  for (var reach = 1u; reach < ${strips}u; reach *= 2u) {
    var run = runs[lane];
    if (seat.strip >= reach) { run = join(runs[lane - reach * seat.pitch], run); }
    workgroupBarrier();
    runs[lane] = run;
    workgroupBarrier();
  }
}

fn beforeStrip(lane: u32, seat: Seat, carry: Run) -> Run {
  if (seat.strip == 0u) { return carry; }
  return join(carry, runs[lane - seat.pitch]);
}

fn wholeTile(lane: u32, seat: Seat, tile: u32) -> Run {
  let strips = (min(dims.time - tile * ${TILE}u, ${TILE}u) + ${STEPS - 1}u) / ${STEPS}u; // that have steps
  return runs[lane + (strips - 1u) * seat.pitch - seat.strip * seat.pitch];
}`;
}

/** `tileCount()`: tiles of a row. */
export const tileCount = wgsl`
fn tileCount() -> u32 { return (dims.time + ${TILE - 1}u) / ${TILE}u; }`;

/** `walk(row, first, end, carry)`: through the steps of a strip again, from what lies before them. */
export const walk = wgsl`
fn walk(row: u32, first: u32, end: u32, carry: Run) {
  var before = carry;
  for (var step = first; step < end; step++) {
    let at = placeOf(row, step);
    let after = join(before, elementOf(row, at, step));
    put(row, at, step, before, after);
    before = after;
  }
}`;

/** A tile's row and its number in it, from its number among all tiles: those of neighbouring rows follow each other. */
export const tileJobs = wgsl`
struct Job { there: bool, row: u32, tile: u32 }

fn jobOf(number: u32) -> Job {
  let tiles = tileCount();
  let outer = number / (tiles * dims.inner);
  return Job(outer < dims.outer, outer * dims.inner + number % dims.inner, (number / dims.inner) % tiles);
}`;
