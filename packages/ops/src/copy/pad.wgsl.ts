import { padOp } from "@elapid/tensor";
import { defineKernel, groupIndex, wgsl } from "@elapid/webgpu";

const WORKGROUP = 64;

/** One invocation an element of `y`, which comes from `x` or is 0. Nothing is shared; memory bounds it. */
export const padKernel = defineKernel(padOp, {
  along: "outer",
  integers: ["start", "length"],
  workgroups: ({ outer, full, inner }) => Math.ceil((outer * full * inner) / WORKGROUP),
  source: () => wgsl`
    ${groupIndex}
    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
      let run = dims.full * dims.inner;
      if (i >= dims.outer * run) { return; }
      let taken = dims.part * dims.inner;
      let at = i % run - u32(dims.start) * dims.inner; // wraps around before the start
      if (at < taken) {
        y[i] = x[(i / run) * taken + at];
      } else {
        y[i] = 0.0;
      }
    }
  `,
});
