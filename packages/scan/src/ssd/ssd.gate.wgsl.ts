import { groupIndex, silu, wgsl } from "@elapid/webgpu";
import { groupsFor, WORKGROUP, type Sizes } from "./ssd.chunk.wgsl.ts";

/** The last pass of forward kernels, one invocation an element: adds the skip, multiplies with `silu(z)`, clears padding. */
export const gatePass = {
  binds: ["u", "D", "channelD", "z", "mask", "y"],
  workgroups: ({ batch, time, heads, headDim }: Sizes) => groupsFor(batch * time * heads * headDim),
  moves: ({ batch, time, heads, headDim }: Sizes) => ({ y: 2 * batch * time * heads * headDim }),
  source: () => wgsl`
    ${groupIndex}
    ${silu}
    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
      let inner = dims.heads * dims.headDim;
      if (i >= dims.batch * dims.time * inner) { return; }
      if (hasMask) {
        if (mask[i / inner] == 0) {
          y[i] = 0.0;
          return;
        }
      }
      var out = y[i];
      if (hasD) { out = fma(D[i % inner / dims.headDim], u[i], out); }
      if (hasChannelD) { out = fma(channelD[i % inner], u[i], out); }
      if (hasZ) { out *= silu(z[i]); }
      y[i] = out;
    }
  `,
};
