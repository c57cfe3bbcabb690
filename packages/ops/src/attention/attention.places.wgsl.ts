import { defineKernel, groupIndex, wgsl } from "@elapid/webgpu";
import { attentionPlaces } from "./attention.places.ts";

const WORKGROUP = 64;

/**
 * One workgroup a row of the batch: its lanes copy what is known of the past, and the first one walks through the steps. Memory and
 * the walk are nothing beside the attention itself.
 */
export const attentionPlacesKernel = defineKernel(attentionPlaces, {
  along: "batch",
  integers: ["time"],
  workgroups: ({ batch }) => batch,
  source: () => wgsl`
    ${groupIndex}
    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let b = groupIndex(group, groups);
      if (b >= dims.batch) { return; }
      let cached = dims.held - 2;
      let steps = dims.keys - cached;
      for (var j = lane; j < cached; j += ${WORKGROUP}) {
        let isThere = seen[b * dims.held + 2 + j];
        next[b * dims.after + 2 + j] = isThere;
        visible[b * dims.keys + j] = i32(isThere);
      }
      if (lane > 0) { return; }
      var count = i32(seen[b * dims.held]);
      var start = i32(seen[b * dims.held + 1]);
      var isFirst = true;
      var sequence = 0;
      for (var t = 0u; t < steps; t++) {
        let i = b * steps + t;
        var isThere = 1;
        if (hasMask) { isThere = select(1, 0, mask[i] == 0); }
        if (hasSeqIdx && isThere == 1) {
          let number = seqIdx[i];
          if (!isFirst && number != sequence) {
            count = 0;
            start = i32(cached + t);
          }
          isFirst = false;
          sequence = number;
        }
        position[i] = count;
        first[i] = start;
        next[b * dims.after + dims.held + t] = f32(isThere);
        visible[b * dims.keys + cached + t] = isThere;
        count += isThere;
      }
      next[b * dims.after] = f32(count);
      next[b * dims.after + 1] = f32(start);
    }
  `,
});
