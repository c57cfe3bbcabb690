import { defineKernel, groupIndex, reduce, wgsl } from "@elapid/webgpu";
import { layerNormOp } from "./layer-norm.ts";

const WORKGROUP = 64;

/**
 * One workgroup a row. Two reductions in workgroup memory, in a fixed order: the mean, then the mean squared
 * distance from it, so nothing cancels. `x` is read three times. Deterministic.
 */
export const layerNormRows = defineKernel(layerNormOp, {
  along: "rows",
  workgroups: ({ rows }) => rows,
  source: () => wgsl`
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
      let start = row * dims.features;
      var total = 0.0;
      for (var f = lane; f < dims.features; f += ${WORKGROUP}) { total += x[start + f]; }
      let mean = sumOf(total, lane) / f32(dims.features);
      var squares = 0.0;
      for (var f = lane; f < dims.features; f += ${WORKGROUP}) {
        let distance = x[start + f] - mean;
        squares += distance * distance;
      }
      let scale = inverseSqrt(sumOf(squares, lane) / f32(dims.features) + dims.eps);
      for (var f = lane; f < dims.features; f += ${WORKGROUP}) {
        var value = (x[start + f] - mean) * scale * weight[f];
        if (hasBias) { value += bias[f]; }
        y[start + f] = value;
      }
    }
  `,
});
