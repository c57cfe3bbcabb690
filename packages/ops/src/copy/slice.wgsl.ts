import { sliceOp } from "@elapid/tensor";
import { defineKernel, groupIndex, wgsl } from "@elapid/webgpu";

const WORKGROUP = 64;

/** One invocation an element of `y`. Nothing is shared; memory bounds it. */
export const sliceKernel = defineKernel(sliceOp, {
  along: "outer",
  integers: ["start", "length"],
  workgroups: ({ outer, part, inner }) => Math.ceil((outer * part * inner) / WORKGROUP),
  source: () => wgsl`
    ${groupIndex}
    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
      let run = dims.part * dims.inner;
      if (i >= dims.outer * run) { return; }
      y[i] = x[(i / run) * dims.full * dims.inner + u32(dims.start) * dims.inner + i % run];
    }
  `,
});
