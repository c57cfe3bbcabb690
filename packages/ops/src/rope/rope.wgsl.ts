import { defineKernel, groupIndex, wgsl } from "@elapid/webgpu";
import { ropeOp } from "./rope.ts";

const WORKGROUP = 64;

/** One invocation an element of `y`. Nothing is shared; memory bounds it. */
export const ropeKernel = defineKernel(ropeOp, {
  along: "batch",
  workgroups: ({ batch, time, heads, headDim }) => Math.ceil((batch * time * heads * headDim) / WORKGROUP),
  source: () => wgsl`
    ${groupIndex}
    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
      if (i >= dims.batch * dims.time * dims.heads * dims.headDim) { return; }
      let channel = i % dims.headDim;
      if (channel >= 2 * dims.pairs) {
        y[i] = x[i];
        return;
      }
      let first = channel < dims.pairs;
      let angle = i / (dims.headDim * dims.heads) % dims.time * dims.pairs + channel % dims.pairs;
      let other = x[select(i - dims.pairs, i + dims.pairs, first)];
      y[i] = x[i] * cos[angle] + select(other, -other, first != inverse) * sin[angle];
    }
  `,
});
