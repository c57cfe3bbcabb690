import { defineKernel, exponential, groupIndex, wgsl, type Kernel, type Wgsl } from "@elapid/webgpu";
import { geluBackward } from "./gelu.backward.ts";
import { normal } from "./normal.wgsl.ts";
import { sigmoidBackward } from "./sigmoid.backward.ts";
import { siluBackward } from "./silu.backward.ts";
import { softplusBackward } from "./softplus.backward.ts";

const WORKGROUP = 64;

/** One invocation an element: `dx = dy · slope(x)`. Nothing is shared; memory bounds it. */
function activationBackward(op: typeof siluBackward, slope: Wgsl): Kernel {
  return defineKernel(op, {
    along: "rows",
    workgroups: ({ rows }) => Math.ceil(rows / WORKGROUP),
    source: () => wgsl`
      ${groupIndex}
      ${slope}
      @compute @workgroup_size(${WORKGROUP})
      fn main(
        @builtin(workgroup_id) group: vec3u,
        @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32,
      ) {
        let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
        if (i >= dims.rows) { return; }
        dx[i] = dy[i] * slope(x[i]);
      }
    `,
  });
}

// the exponential is of a negative number, so nothing overflows
export const siluBackwardKernel = activationBackward(
  siluBackward,
  wgsl`${exponential}
    fn slope(x: f32) -> f32 {
      let e = exponential(-abs(x));
      let s = select(e, 1.0, x >= 0.0) / (1.0 + e);
      let opposite = select(1.0, e, x >= 0.0) / (1.0 + e); // 1 - s, without cancelling
      return s * (1.0 + x * opposite);
    }`,
);
export const softplusBackwardKernel = activationBackward(
  softplusBackward,
  wgsl`${exponential}
    fn slope(x: f32) -> f32 {
      let e = exponential(-abs(x));
      return select(e, 1.0, x >= 0.0) / (1.0 + e);
    }`,
);
export const sigmoidBackwardKernel = activationBackward(
  sigmoidBackward,
  wgsl`${exponential}
    fn slope(x: f32) -> f32 {
      let e = exponential(-abs(x));
      return e / ((1.0 + e) * (1.0 + e));
    }`,
);
export const geluBackwardKernel = activationBackward(
  geluBackward,
  wgsl`${normal}
    fn slope(x: f32) -> f32 {
      let bell = normalBell(x);
      return fma(x * 0.3989422804014327, bell, normalCdf(x, bell)); // 1 / sqrt(2 pi)
    }`,
);
