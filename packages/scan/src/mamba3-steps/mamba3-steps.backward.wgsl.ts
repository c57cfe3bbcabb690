import { defineKernel, exponential, groupIndex, reduce, softplus, wgsl } from "@elapid/webgpu";
import { isNan } from "../linear-scan/is-nan.wgsl.ts";
import { mamba3StepsBackward } from "./mamba3-steps.backward.ts";
import { rate } from "./rate.wgsl.ts";

const WORKGROUP = 64;

/**
 * Three passes: one invocation a step and head; one a step and pair, which adds up the heads in order; a workgroup a head, which
 * adds up steps, every 64th in a lane, then the lanes. Deterministic; memory bounds it.
 */
export const mamba3StepsBackwardKernel = defineKernel(mamba3StepsBackward, {
  passes: [
    {
      binds: ["rawDelta", "rawA", "deltaBias", "ddelta", "dlogDecay", "drawDelta", "drawA"],
      workgroups: ({ batch, time, heads }) => Math.ceil((batch * time * heads) / WORKGROUP),
      source: () => wgsl`
        ${groupIndex}
        ${exponential}
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
          let e = exponential(-abs(raw));
          let slope = select(e, 1.0, raw >= 0.0) / (1.0 + e);
          let x = rawA[i];
          let h = rate(x);
          var decay = 0.0;
          if (hasDlogDecay) { decay = dlogDecay[i]; }
          var grad = -decay * atLeast(h, dims.floor);
          if (hasDdelta) { grad += ddelta[i]; }
          drawDelta[i] = grad * slope;
          let step = select(softplus(raw), raw, isNan(raw));
          let dA = -decay * step * select(1.0, h * h, x < 0.0);
          drawA[i] = select(dA, 0.0, h < dims.floor && !isNan(h));
        }
      `,
    },
    {
      binds: ["dheadAngles", "dangles"],
      workgroups: ({ batch, time, pairs }) => Math.ceil((batch * time * pairs) / WORKGROUP),
      source: () => wgsl`
        ${groupIndex}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
          if (i >= dims.batch * dims.time * dims.pairs) { return; }
          var sum = 0.0;
          if (hasDheadAngles) {
            let row = i / dims.pairs * dims.heads;
            for (var head = 0u; head < dims.heads; head++) { sum += dheadAngles[(row + head) * dims.pairs + i % dims.pairs]; }
          }
          dangles[i] = sum;
        }
      `,
    },
    {
      binds: ["drawDelta", "ddeltaBias"],
      workgroups: ({ heads }) => heads,
      source: () => wgsl`
        ${groupIndex}
        ${reduce(WORKGROUP)}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let head = groupIndex(group, groups);
          if (head >= dims.heads) { return; }
          var sum = 0.0;
          for (var row = lane; row < dims.batch * dims.time; row += ${WORKGROUP}) { sum += drawDelta[row * dims.heads + head]; }
          let total = sumOf(sum, lane);
          if (lane == 0) { ddeltaBias[head] = total; }
        }
      `,
    },
  ],
});
