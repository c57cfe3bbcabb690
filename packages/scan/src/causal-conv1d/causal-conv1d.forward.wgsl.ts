import { defineKernel, groupIndex, silu, wgsl } from "@elapid/webgpu";
import { causalConv1d } from "./causal-conv1d.ts";
import { windows } from "./window.wgsl.ts";

const WORKGROUP = 64;
/** Steps that an invocation walks. */
const CHUNK = 32;

const chunksOf = (time: number) => Math.max(Math.ceil(time / CHUNK), 1);

/**
 * One invocation per channel and chunk of 32 steps: it finds the inputs before the chunk, padding passed over, and walks
 * on with the last `width` inputs in registers; that of the last chunk writes the state. Nothing is shared; neighbours
 * read neighbouring channels. Work `batch · inner · time · width`; moves 8 bytes an element, the least possible, beside
 * `(width - 1) / 32` loads at the borders of chunks. Deterministic.
 */
export const causalConv1dForward = defineKernel(causalConv1d, {
  along: "batch",
  workgroups: ({ batch, time, inner }) => Math.ceil((batch * chunksOf(time) * inner) / WORKGROUP),
  // the windows before chunks are read once more
  moves: ({ batch, time, inner, width }) => ({ x: batch * inner * (time + (chunksOf(time) - 1) * (width - 1)) }),
  source: ({ width }, { attributes }) => wgsl`
    ${groupIndex}
    ${silu}
    ${windows(width)}

    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
      let chunks = max((dims.time + ${CHUNK - 1}) / ${CHUNK}, 1);
      if (i >= dims.batch * chunks * dims.inner) { return; }
      let e = i % dims.inner;
      let b = i / dims.inner / chunks;
      let chunk = i / dims.inner % chunks;
      let first = chunk * ${CHUNK};
      var window = windowBefore(b, e, first);
      for (var t = first; t < min(first + ${CHUNK}, dims.time); t++) {
        let row = b * dims.time + t;
        let at = row * dims.inner + e;
        if (hasMask) {
          if (mask[row] == 0) {
            y[at] = 0.0;
            continue;
          }
        }
        enter(&window, row, x[at]);
        var sum = 0.0;
        if (hasBias) { sum = bias[e]; }
        for (var k = 0u; k <= past; k++) { sum = fma(weight[e * ${width} + k], window.inputs[k], sum); }
        if (${attributes.activation === "silu"}) { sum = silu(sum); }
        y[at] = sum;
      }
      if (chunk + 1 < chunks) { return; }
      let channel = (b * dims.inner + e) * past;
      for (var k = 0u; k < past; k++) { finalState[channel + k] = window.inputs[k + 1]; }
    }
  `,
});
