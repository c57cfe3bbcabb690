import { defineKernel, groupIndex, reduce, wgsl } from "@elapid/webgpu";
import { discretizeDiagonal, discretizeDiagonalBackward } from "./discretize-diagonal.ts";
import { modes } from "./mode.wgsl.ts";

const WORKGROUP = 64;

/** One invocation a mode. Nothing is shared; `4 parts` numbers are moved a mode. */
export const discretizeDiagonalKernel = defineKernel(discretizeDiagonal, {
  workgroups: ({ inner, state }) => Math.ceil((inner * state) / WORKGROUP),
  source: ({ parts }, { attributes: { rule } }) => wgsl`
    ${groupIndex}
    ${modes(rule)}

    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
      if (i >= dims.inner * dims.state) { return; }
      var a = vec2f(A[i * ${parts}], 0.0);
      var b = vec2f(B[i * ${parts}], 0.0);
      if (${parts === 2}) {
        a.y = A[i * 2 + 1];
        b.y = B[i * 2 + 1];
      }
      let mode = discretize(a, b, dt[i / dims.state]);
      ABar[i * ${parts}] = mode.m.x + 1.0;
      BBar[i * ${parts}] = mode.input.x;
      if (${parts === 2}) {
        ABar[i * 2 + 1] = mode.m.y;
        BBar[i * 2 + 1] = mode.input.y;
      }
    }
  `,
});

/** A workgroup a channel, its modes dealt out to the invocations; what they give to `dt` is summed in a fixed order. */
export const discretizeDiagonalBackwardKernel = defineKernel(discretizeDiagonalBackward, {
  workgroups: ({ inner }) => inner,
  source: ({ parts }, { attributes: { rule } }) => wgsl`
    ${groupIndex}
    ${reduce(WORKGROUP)}
    ${modes(rule)}

    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let channel = groupIndex(group, groups);
      var share = 0.0;
      if (channel < dims.inner) {
        let step = dt[channel];
        for (var n = lane; n < dims.state; n += ${WORKGROUP}) {
          let i = channel * dims.state + n;
          var a = vec2f(A[i * ${parts}], 0.0);
          var b = vec2f(B[i * ${parts}], 0.0);
          var dfactor = vec2f();
          var dinput = vec2f();
          if (hasDABar) { dfactor.x = dABar[i * ${parts}]; }
          if (hasDBBar) { dinput.x = dBBar[i * ${parts}]; }
          if (${parts === 2}) {
            a.y = A[i * 2 + 1];
            b.y = B[i * 2 + 1];
            if (hasDABar) { dfactor.y = dABar[i * 2 + 1]; }
            if (hasDBBar) { dinput.y = dBBar[i * 2 + 1]; }
          }
          let back = modeGradient(discretize(a, b, step), a, b, step, dfactor, dinput);
          dA[i * ${parts}] = back.da.x;
          dB[i * ${parts}] = back.db.x;
          if (${parts === 2}) {
            dA[i * 2 + 1] = back.da.y;
            dB[i * 2 + 1] = back.db.y;
          }
          share += back.ddt;
        }
      }
      let total = sumOf(share, lane);
      if (lane == 0 && channel < dims.inner) { ddt[channel] = total; }
    }
  `,
});
