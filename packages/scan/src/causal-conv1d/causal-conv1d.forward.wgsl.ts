import { defineKernel, groupIndex, silu, wgsl } from "@elapid/webgpu";
import { causalConv1d } from "./causal-conv1d.ts";

const WORKGROUP = 64;

/**
 * One invocation per channel `(batch, inner)`, walking time in order with its last `width` inputs in registers,
 * so that padding can be passed over. Nothing is shared; neighbours read neighbouring channels. Work
 * `batch · inner · time · width`. Suits many channels; a long sequence of few leaves a GPU idle. Deterministic.
 */
export const causalConv1dForward = defineKernel(causalConv1d, {
  along: "batch",
  workgroups: ({ batch, inner }) => Math.ceil((batch * inner) / WORKGROUP),
  source: ({ width }, { attributes }) => wgsl`
    ${groupIndex}
    ${silu}
    const past = ${width - 1}u;

    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let channel = groupIndex(group, groups) * ${WORKGROUP} + lane;
      if (channel >= dims.batch * dims.inner) { return; }
      let b = channel / dims.inner;
      let e = channel % dims.inner;
      var window = array<f32, ${width}>(); // oldest first, the current input last
      if (hasInitialState) {
        for (var k = 0u; k < past; k++) { window[k + 1] = initialState[channel * past + k]; }
      }
      for (var t = 0u; t < dims.time; t++) {
        let row = b * dims.time + t;
        let at = row * dims.inner + e;
        if (hasMask) {
          if (mask[row] == 0) {
            y[at] = 0.0;
            continue;
          }
        }
        for (var k = 0u; k < past; k++) { window[k] = window[k + 1]; }
        window[past] = x[at];
        var sum = 0.0;
        if (hasBias) { sum = bias[e]; }
        for (var k = 0u; k <= past; k++) { sum = fma(weight[e * ${width} + k], window[k], sum); }
        if (${attributes.activation === "silu"}) { sum = silu(sum); }
        y[at] = sum;
      }
      for (var k = 0u; k < past; k++) { finalState[channel * past + k] = window[k + 1]; }
    }
  `,
});
