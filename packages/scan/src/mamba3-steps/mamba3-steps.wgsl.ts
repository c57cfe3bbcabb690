import { defineKernel, groupIndex, softplus, wgsl } from "@elapid/webgpu";
import { isNan } from "../linear-scan/is-nan.wgsl.ts";
import { mamba3Steps } from "./mamba3-steps.ts";
import { rate } from "./rate.wgsl.ts";

const WORKGROUP = 64;

/** One invocation a step and head, which copies the head's angles too. Nothing is shared; memory bounds it. */
export const mamba3StepsKernel = defineKernel(mamba3Steps, {
  along: "batch",
  workgroups: ({ batch, time, heads }) => Math.ceil((batch * time * heads) / WORKGROUP),
  source: () => wgsl`
    ${groupIndex}
    ${softplus}
    ${isNan}
    ${rate}
    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
      if (i >= dims.batch * dims.time * dims.heads) { return; }
      let raw = rawDelta[i] + deltaBias[i % dims.heads];
      let step = select(softplus(raw), raw, isNan(raw));
      delta[i] = step;
      logDecay[i] = -atLeast(rate(rawA[i]), dims.floor) * step;
      for (var k = 0u; k < dims.pairs; k++) { headAngles[i * dims.pairs + k] = angles[i / dims.heads * dims.pairs + k]; }
    }
  `,
});
