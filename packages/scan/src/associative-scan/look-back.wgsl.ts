import { groupIndex, wgsl, type Pass } from "@elapid/webgpu";
import { STRIPS, TILE } from "./scan-algorithm.ts";
import { bindsOf, lanesOf, type ScanSizes } from "./scan-passes.ts";
import type { ScanText } from "./scan-text.ts";
import { tileCount, tileJobs, tiles, walk } from "./tiles.wgsl.ts";

const PREPARE_LANES = 64;

/** Number of `words`: a ticket counter, then for every tile, and for what lies before the first, two for each float. */
export function wordsLength({ floats }: ScanText, { outer, time, inner }: ScanSizes): number {
  return 1 + outer * inner * (Math.ceil(time / TILE) + 1) * floats * 2;
}

/**
 * A run that is passed on between workgroups. Atomics order nothing but themselves, so every word says what it belongs to:
 * half of a float's bits below, above them 0 for nothing yet, 1 for what a tile amounts to, 2 for all up to its end.
 */
const words = wgsl`
${tileCount}
struct Found { state: u32, run: Run }

fn slotOf(row: u32, tile: u32) -> u32 {
  return ((row / dims.inner) * (tileCount() + 1u) + tile) * dims.inner + row % dims.inner;
}

fn publish(slot: u32, state: u32, run: Run) {
  var floats = floatsOf(run);
  for (var i = 0u; i < FLOATS; i++) {
    let bits = bitcast<u32>(floats[i]);
    let at = 1u + 2u * (slot * FLOATS + i);
    atomicStore(&words[at], (state << 16u) | (bits >> 16u));
    atomicStore(&words[at + 1u], (state << 16u) | (bits & 0xffffu));
  }
}

fn look(slot: u32) -> Found {
  var floats: array<f32, FLOATS>;
  var state = 3u;
  for (var i = 0u; i < FLOATS; i++) {
    let at = 1u + 2u * (slot * FLOATS + i);
    let high = atomicLoad(&words[at]);
    let low = atomicLoad(&words[at + 1u]);
    if (i == 0u) { state = high >> 16u; }
    if ((high >> 16u) != state || (low >> 16u) != state) { state = 0u; }
    floats[i] = bitcast<f32>((high << 16u) | (low & 0xffffu));
  }
  return Found(state, runFrom(floats));
}`;

/**
 * Decoupled look-back (Merrill and Garland 2016): every tile publishes what it amounts to, then all up to its end. What lies
 * before a tile is found by going back to the nearest tile that has all up to its end, and from there forward again, tile by
 * tile. As that is how the found one came about, it does not matter which was found: the bits are those of the other algorithms.
 * Tickets number the workgroups in the order in which they begin, so that a tile waits only for tiles that have begun.
 * Two small passes lay out the words before, and hand the final states out behind.
 *
 * Work: about 2.4 joins an element, and those of looking back. Depth: 37 joins and the way back. Traffic: every element is read
 * twice, the second time from cache, and written once; beside it 1 / 64 for the words. Needs forward progress of
 * workgroups that have begun.
 */
export function lookBackPasses(scan: ScanText): Pass<ScanSizes, unknown>[] {
  const lanes = lanesOf(scan);
  const { run, element, start, put, finish } = scan;
  const rowsAndGroups = ({ outer, inner }: ScanSizes) => Math.ceil((outer * inner) / PREPARE_LANES);
  return [
    {
      binds: [...start.binds, "words"],
      workgroups: ({ outer, time, inner }) => Math.ceil((outer * inner * (Math.ceil(time / TILE) + 1)) / PREPARE_LANES),
      source: () => wgsl`
        ${run} ${start.text} ${groupIndex} ${words}

        @compute @workgroup_size(${PREPARE_LANES})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let slot = groupIndex(group, groups) * ${PREPARE_LANES}u + lane;
          let slots = tileCount() + 1u;
          let outer = slot / (slots * dims.inner);
          if (slot == 0u) { atomicStore(&words[0], 0u); }
          if (outer >= dims.outer) { return; }
          if ((slot / dims.inner) % slots == 0u) {
            publish(slot, 2u, startOf(outer * dims.inner + slot % dims.inner));
          } else {
            for (var i = 0u; i < 2u * FLOATS; i++) { atomicStore(&words[1u + 2u * FLOATS * slot + i], 0u); }
          }
        }
      `,
    },
    {
      binds: [...bindsOf(element, put), "words"],
      workgroups: ({ outer, time, inner }) => Math.ceil((outer * inner * Math.ceil(time / TILE) * STRIPS) / lanes),
      // stored twice and, if the tile before is done, loaded twice
      moves: (dims) => ({ words: 4 * wordsLength(scan, dims) }),
      source: () => wgsl`
        ${run} ${element.text} ${put.text} ${tiles(STRIPS, lanes)} ${walk} ${tileJobs} ${words}
        var<workgroup> ticket: u32;
        var<workgroup> carries: array<Run, JOBS>;

        fn carryOf(job: Job) -> Run {
          var tile = job.tile;
          var found = look(slotOf(job.row, tile));
          while (found.state != 2u) {
            if (found.state == 1u) { tile--; }
            found = look(slotOf(job.row, tile));
          }
          var carry = found.run;
          while (tile < job.tile) {
            tile++;
            found = look(slotOf(job.row, tile));
            while (found.state == 0u) { found = look(slotOf(job.row, tile)); } // between its two states
            if (found.state == 2u) { carry = found.run; } else { carry = join(carry, found.run); }
          }
          return carry;
        }

        @compute @workgroup_size(${lanes})
        fn main(@builtin(local_invocation_index) lane: u32) {
          if (lane == 0u) { ticket = atomicAdd(&words[0], 1u); }
          let seat = seatOf(lane);
          let job = jobOf(workgroupUniformLoad(&ticket) * JOBS + seat.job);
          let first = firstOf(seat, job.tile);
          let end = endOf(first);
          if (job.there && first < end) { runs[lane] = runOf(job.row, first, end); }
          joinStrips(lane, seat);
          let slot = slotOf(job.row, job.tile + 1u);
          if (job.there && seat.strip == 0u) { publish(slot, 1u, wholeTile(lane, seat, job.tile)); }
          workgroupBarrier();
          if (job.there && seat.strip == 0u) {
            let carry = carryOf(job);
            publish(slot, 2u, join(carry, wholeTile(lane, seat, job.tile)));
            carries[seat.job] = carry;
          }
          workgroupBarrier();
          if (job.there) { walk(job.row, first, end, beforeStrip(lane, seat, carries[seat.job])); }
        }
      `,
    },
    {
      binds: [...finish.binds, "words"],
      workgroups: rowsAndGroups,
      moves: ({ outer, inner }) => ({ words: 2 * scan.floats * outer * inner }),
      source: () => wgsl`
        ${run} ${finish.text} ${groupIndex} ${words}

        @compute @workgroup_size(${PREPARE_LANES})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let row = groupIndex(group, groups) * ${PREPARE_LANES}u + lane;
          if (row < dims.outer * dims.inner) { finish(row, look(slotOf(row, tileCount())).run); }
        }
      `,
    },
  ];
}
