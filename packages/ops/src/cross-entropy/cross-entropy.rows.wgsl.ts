import { defineKernel, exponential, groupIndex, nan, reduce, wgsl } from "@elapid/webgpu";
import { crossEntropyOp } from "./cross-entropy.ts";

const WORKGROUP = 64;

/**
 * One workgroup a row: the largest logit, then the sum of exponentials and the sum of logits, both less the
 * largest, each folded in workgroup memory in a fixed order. `logits` are read twice. Deterministic.
 */
export const crossEntropyRows = defineKernel(crossEntropyOp, {
  along: "rows",
  integers: ["ignoreIndex"],
  workgroups: ({ rows }) => rows,
  source: () => wgsl`
    ${exponential}
    ${groupIndex}
    ${nan}
    ${reduce(WORKGROUP)}
    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let row = groupIndex(group, groups);
      if (row >= dims.rows) { return; }
      let start = row * dims.vocab;
      var peak = -3.4028234e38;
      for (var v = lane; v < dims.vocab; v += ${WORKGROUP}) { peak = max(peak, logits[start + v]); }
      peak = maxOf(peak, lane);
      var exponentials = 0.0;
      var shifted = 0.0;
      for (var v = lane; v < dims.vocab; v += ${WORKGROUP}) {
        let below = logits[start + v] - peak;
        exponentials += exponential(below);
        // without smoothing, logits may be -Infinity; a NaN is no less than anything and stays
        shifted += select(below, 0.0, dims.labelSmoothing == 0.0 && below < -1e38);
      }
      exponentials = sumOf(exponentials, lane);
      shifted = sumOf(shifted, lane);
      if (lane != 0) { return; }

      let label = labels[row];
      if (label == dims.ignoreIndex) {
        loss[row] = 0.0;
      } else if (label < 0 || u32(label) >= dims.vocab) {
        loss[row] = nan();
      } else {
        let smoothing = dims.labelSmoothing;
        loss[row] = log(exponentials) - (1.0 - smoothing) * (logits[start + u32(label)] - peak)
          - smoothing * shifted / f32(dims.vocab);
      }
    }
  `,
});
