import { defineKernel, groupIndex, reduce, wgsl } from "@elapid/webgpu";
import { addRmsNormOp, rmsNormOp } from "./rms-norm.ts";

const WORKGROUP = 64;

/**
 * One workgroup a row: each invocation sums the squares of every 64th feature, the 64 sums are folded in
 * workgroup memory in a fixed order, and all scale what they read. `x` is read twice. Deterministic.
 */
export const rmsNormRows = defineKernel(rmsNormOp, {
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
      var squares = 0.0;
      for (var f = lane; f < dims.features; f += ${WORKGROUP}) {
        let value = x[start + f];
        squares += value * value;
      }
      let scale = inverseSqrt(sumOf(squares, lane) / f32(dims.features) + dims.eps);
      for (var f = lane; f < dims.features; f += ${WORKGROUP}) {
        y[start + f] = x[start + f] * scale * weight[f];
      }
    }
  `,
});

/** As `rmsNormRows`; the sum with the residual is written on the way and added again where it is scaled. */
export const addRmsNormRows = defineKernel(addRmsNormOp, {
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
      var squares = 0.0;
      for (var f = lane; f < dims.features; f += ${WORKGROUP}) {
        let value = x[start + f] + residual[start + f];
        sum[start + f] = value;
        squares += value * value;
      }
      let scale = inverseSqrt(sumOf(squares, lane) / f32(dims.features) + dims.eps);
      for (var f = lane; f < dims.features; f += ${WORKGROUP}) {
        y[start + f] = (x[start + f] + residual[start + f]) * scale * weight[f];
      }
    }
  `,
});
