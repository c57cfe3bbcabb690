import { groupIndex, wgsl, type Pass } from "@elapid/webgpu";
import { STRIPS, TILE } from "./scan-algorithm.ts";
import { bindsOf, lanesOf, type ScanSizes } from "./scan-passes.ts";
import type { ScanText } from "./scan-text.ts";
import { tileCount, tileJobs, tiles, walk } from "./tiles.wgsl.ts";

const SPINE_LANES = 64;

/** Numbers in `totals`, what the tiles amount to and later what lies before them. */
export function totalsLength({ floats }: ScanText, { outer, time, inner }: ScanSizes): number {
  return outer * inner * Math.ceil(time / TILE) * floats;
}

const totalsOfTiles = wgsl`
fn totalAt(number: u32) -> Run {
  var floats: array<f32, FLOATS>;
  for (var i = 0u; i < FLOATS; i++) { floats[i] = totals[number * FLOATS + i]; }
  return runFrom(floats);
}
fn keepTotal(number: u32, run: Run) {
  var floats = floatsOf(run);
  for (var i = 0u; i < FLOATS; i++) { totals[number * FLOATS + i] = floats[i]; }
}`;

/**
 * In three passes: what every tile amounts to; what lies before every tile, a workgroup a row; every tile again, from
 * there. No workgroup waits for another, so nothing depends on forward progress.
 *
 * Work: about 4 joins an element. Depth: 21 joins, `time / 512` and 37. Traffic: every element is read in two passes and
 * written in one, beside 1 / 256 for the tiles: 12 bytes an element of a sum, where 8 are the least possible.
 */
export function reduceThenScanPasses(scan: ScanText): Pass<ScanSizes, unknown>[] {
  const lanes = lanesOf(scan);
  const { run, element, start, put, finish } = scan;
  const workgroups = ({ outer, time, inner }: ScanSizes) =>
    Math.ceil((outer * inner * Math.ceil(time / TILE) * STRIPS) / lanes);
  return [
    {
      binds: [...element.binds, "totals"],
      workgroups,
      source: () => wgsl`
        ${run} ${element.text} ${tiles(STRIPS, lanes)} ${tileJobs} ${totalsOfTiles}

        @compute @workgroup_size(${lanes})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let seat = seatOf(lane);
          let number = groupIndex(group, groups) * JOBS + seat.job;
          let job = jobOf(number);
          let first = firstOf(seat, job.tile);
          let end = endOf(first);
          if (job.there && first < end) { runs[lane] = runOf(job.row, first, end); }
          joinStrips(lane, seat);
          if (job.there && seat.strip == 0u) { keepTotal(number, wholeTile(lane, seat, job.tile)); }
        }
      `,
    },
    {
      binds: [...bindsOf(start, finish), "totals"],
      workgroups: ({ outer, inner }) => outer * inner,
      moves: (dims) => ({ totals: 2 * totalsLength(scan, dims) }),
      source: () => wgsl`
        ${run} ${start.text} ${finish.text} ${groupIndex} ${tileCount} ${totalsOfTiles}
        var<workgroup> runs: array<Run, ${SPINE_LANES}>;

        @compute @workgroup_size(${SPINE_LANES})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let row = groupIndex(group, groups);
          let there = row < dims.outer * dims.inner;
          let count = tileCount();
          var carry: Run;
          if (there) { carry = startOf(row); }
          for (var begin = 0u; begin < count; begin += ${SPINE_LANES}u) {
            let tile = begin + lane;
            let number = ((row / dims.inner) * count + tile) * dims.inner + row % dims.inner;
            if (there && tile < count) { runs[lane] = totalAt(number); }
            workgroupBarrier();
            if (lane == 0u) {
              for (var i = 0u; i < min(count - begin, ${SPINE_LANES}u); i++) {
                let total = runs[i];
                runs[i] = carry;
                carry = join(carry, total);
              }
            }
            workgroupBarrier();
            if (there && tile < count) { keepTotal(number, runs[lane]); }
            workgroupBarrier();
          }
          if (there && lane == 0u) { finish(row, carry); }
        }
      `,
    },
    {
      binds: [...bindsOf(element, put), "totals"],
      workgroups,
      source: () => wgsl`
        ${run} ${element.text} ${put.text} ${tiles(STRIPS, lanes)} ${walk} ${tileJobs} ${totalsOfTiles}

        @compute @workgroup_size(${lanes})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let seat = seatOf(lane);
          let number = groupIndex(group, groups) * JOBS + seat.job;
          let job = jobOf(number);
          let first = firstOf(seat, job.tile);
          let end = endOf(first);
          if (job.there && first < end) { runs[lane] = runOf(job.row, first, end); }
          joinStrips(lane, seat);
          if (job.there) { walk(job.row, first, end, beforeStrip(lane, seat, totalAt(number))); }
        }
      `,
    },
  ];
}
