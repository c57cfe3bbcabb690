import { defineKernel, exponential, groupIndex, reduce, wgsl } from "@elapid/webgpu";
import { crossEntropyBackward } from "./cross-entropy.backward.ts";

const WORKGROUP = 64;

/**
 * One workgroup a row: the largest logit, then the sum of exponentials, each folded in workgroup memory in a
 * fixed order, then the gradient. The label's exponential stays apart from the others, whose share is the
 * small gradient of a sure prediction. `logits` are read three times. Deterministic.
 */
export const crossEntropyBackwardRows = defineKernel(crossEntropyBackward, {
  along: "rows",
  integers: ["ignoreIndex"],
  workgroups: ({ rows }) => rows,
  source: () => wgsl`
    ${exponential}
    ${groupIndex}
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
      let label = labels[row];
      let likeliest = u32(label); // no element where the label is negative
      var peak = -3.4028234e38;
      for (var v = lane; v < dims.vocab; v += ${WORKGROUP}) { peak = max(peak, logits[start + v]); }
      peak = maxOf(peak, lane);
      var others = 0.0;
      var likely = 0.0;
      for (var v = lane; v < dims.vocab; v += ${WORKGROUP}) {
        let value = exponential(logits[start + v] - peak);
        if (v == likeliest) { likely = value; } else { others += value; }
      }
      others = sumOf(others, lane);
      likely = sumOf(likely, lane);

      let total = others + likely;
      let spread = dims.labelSmoothing / f32(dims.vocab);
      let upstream = dloss[row];
      for (var v = lane; v < dims.vocab; v += ${WORKGROUP}) {
        var value = exponential(logits[start + v] - peak) / total - spread;
        if (v == likeliest) { value = dims.labelSmoothing - spread - others / total; }
        dlogits[start + v] = select(upstream * value, 0.0, label == dims.ignoreIndex);
      }
    }
  `,
});
