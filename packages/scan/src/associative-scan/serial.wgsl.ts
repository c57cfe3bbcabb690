import { wgsl, type Pass } from "@elapid/webgpu";
import { stripsOf } from "./scan-algorithm.ts";
import type { ScanText } from "./scan-text.ts";
import { tiles, walk } from "./tiles.wgsl.ts";
import { bindsOf, lanesOf, type ScanSizes } from "./scan-passes.ts";

/**
 * A row's tiles one after the other, `carry` being all that lies before the tile. A workgroup takes 8 rows, or more of
 * fewer steps, up to one row an invocation where rows have at most 16 steps. No workgroup waits for another.
 *
 * Work: two joins an element and 5 / 16 of the rounds, about 2.4 times the sequential work. Depth: 37 joins a tile of 512
 * steps. Traffic: every element is read twice, the second time from cache, and written once. Suits rows of up to a tile, and
 * many rows.
 */
export function serialPass(scan: ScanText): Pass<ScanSizes, unknown> {
  const lanes = lanesOf(scan);
  return {
    binds: bindsOf(scan.element, scan.start, scan.put, scan.finish),
    workgroups: ({ outer, time, inner }) => Math.ceil((outer * inner * stripsOf(time)) / lanes),
    source: ({ time }) => wgsl`
      ${scan.run} ${scan.element.text} ${scan.start.text} ${scan.put.text} ${scan.finish.text}
      ${tiles(stripsOf(time), lanes)} ${walk}

      @compute @workgroup_size(${lanes})
      fn main(
        @builtin(workgroup_id) group: vec3u,
        @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32,
      ) {
        let seat = seatOf(lane);
        let row = groupIndex(group, groups) * JOBS + seat.job;
        let there = row < dims.outer * dims.inner;
        var carry: Run;
        if (there) { carry = startOf(row); }
        for (var tile = 0u; tile < tileCount(); tile++) {
          let first = firstOf(seat, tile);
          let end = endOf(first);
          if (there && first < end) { runs[lane] = runOf(row, first, end); }
          joinStrips(lane, seat);
          if (there) {
            walk(row, first, end, beforeStrip(lane, seat, carry));
            carry = join(carry, wholeTile(lane, seat, tile));
          }
          workgroupBarrier();
        }
        if (there && seat.strip == 0u) { finish(row, carry); }
      }
    `,
  };
}
