import { repeatOp, sumAxisOp } from "@elapid/tensor";
import { defineKernel, groupIndex, wgsl } from "@elapid/webgpu";

const WORKGROUP = 64;

/** One invocation an element of `y`. Nothing is shared; memory bounds it. */
export const repeatKernel = defineKernel(repeatOp, {
  along: "outer",
  workgroups: ({ outer, count, inner }) => Math.ceil((outer * count * inner) / WORKGROUP),
  source: () => wgsl`
    ${groupIndex}
    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
      let run = dims.count * dims.inner;
      if (i >= dims.outer * run) { return; }
      y[i] = x[(i / run) * dims.inner + i % dims.inner];
    }
  `,
});

/** One invocation an element of `y`, which sums in order. Nothing is shared; memory bounds it. */
export const sumAxisKernel = defineKernel(sumAxisOp, {
  along: "outer",
  workgroups: ({ outer, inner }) => Math.ceil((outer * inner) / WORKGROUP),
  source: () => wgsl`
    ${groupIndex}
    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
      if (i >= dims.outer * dims.inner) { return; }
      var at = (i / dims.inner) * dims.length * dims.inner + i % dims.inner;
      var sum = 0.0;
      for (var l = 0u; l < dims.length; l++) {
        sum += x[at];
        at += dims.inner;
      }
      y[i] = sum;
    }
  `,
});
