import { defineKernel, groupIndex, wgsl } from "@elapid/webgpu";
import { roll } from "./roll.ts";

const WORKGROUP = 64;

/** One invocation an element. Nothing is shared; one read and one write each, so memory bounds it. */
export const rollKernel = defineKernel(roll, {
  integers: ["offset", "sign"],
  workgroups: ({ batch, inner, window }) => Math.ceil((batch * inner * window) / WORKGROUP),
  source: () => wgsl`
    ${groupIndex}
    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
      if (i >= dims.batch * dims.inner * dims.window) { return; }
      let window = i32(dims.window);
      let j = i32(i % dims.window);
      let by = dims.sign * (shift[i / dims.window / dims.inner] + dims.offset);
      let source = ((j + by) % window + window) % window;
      y[i] = x[i - u32(j) + u32(source)];
    }
  `,
});
