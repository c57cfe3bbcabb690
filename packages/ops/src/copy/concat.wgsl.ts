import { concatOp } from "@elapid/tensor";
import { defineKernel, groupIndex, wgsl } from "@elapid/webgpu";

const WORKGROUP = 64;

/** One invocation an element of `y`, which comes from `a` or from `b`. Nothing is shared; memory bounds it. */
export const concatKernel = defineKernel(concatOp, {
  along: "outer",
  workgroups: ({ outer, both, inner }) => Math.ceil((outer * both * inner) / WORKGROUP),
  source: () => wgsl`
    ${groupIndex}
    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
      let run = dims.both * dims.inner;
      if (i >= dims.outer * run) { return; }
      let o = i / run;
      let at = i % run;
      let left = dims.first * dims.inner;
      if (at < left) {
        y[i] = a[o * left + at];
      } else {
        y[i] = b[o * (run - left) + at - left];
      }
    }
  `,
});
