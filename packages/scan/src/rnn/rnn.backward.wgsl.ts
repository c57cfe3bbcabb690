import { defineKernel, groupIndex, wgsl } from "@elapid/webgpu";
import { stepKinds } from "../selective-scan/step-kind.wgsl.ts";
import { kindsPass, lanesOf } from "./recurrent.wgsl.ts";
import { rnnBackward } from "./rnn.backward.ts";
import { statesBefore } from "./states-before.ts";

const WORKGROUP = 64;

/**
 * A workgroup walks a sequence back. An invocation has every 256th channel, whose gradient it keeps; a step writes `dx`, waits once,
 * and takes the product with all of `dx`, read from cache as the weight is. Work `batch · time · hidden²`. Deterministic.
 */
const walk = defineKernel(rnnBackward, {
  along: "batch",
  scratch: { kinds: ({ batch, time }) => batch * time },
  passes: [
    kindsPass,
    {
      binds: ["weight", "y", "dy", "dfinalState", "kinds", "dx", "dinitialState"],
      workgroups: ({ batch }) => batch,
      source: (dims) => {
        const lanes = lanesOf(dims);
        return wgsl`
          ${groupIndex}
          ${stepKinds}
          const hidden = ${dims.hidden}u;
          const own = ${Math.ceil(dims.hidden / lanes)}u; // channels of an invocation

          @compute @workgroup_size(${lanes})
          fn main(
            @builtin(workgroup_id) group: vec3u,
            @builtin(num_workgroups) groups: vec3u,
            @builtin(local_invocation_index) lane: u32,
          ) {
            let b = groupIndex(group, groups);
            if (b >= dims.batch) { return; }
            var dh = array<f32, own>();
            if (hasDfinalState) {
              for (var k = 0u; k < own; k++) {
                let j = k * ${lanes} + lane;
                if (j < hidden) { dh[k] = dfinalState[b * hidden + j]; }
              }
            }
            for (var t = dims.time; t > 0; t--) {
              let row = b * dims.time + t - 1;
              let kind = kinds[row];
              for (var k = 0u; k < own; k++) {
                let j = k * ${lanes} + lane;
                if (j >= hidden) { continue; }
                let at = row * hidden + j;
                if (kind == padding) {
                  dx[at] = 0.0;
                  continue;
                }
                if (hasDy) { dh[k] += dy[at]; }
                dx[at] = dh[k] * fma(-y[at], y[at], 1.0);
              }
              storageBarrier();
              for (var k = 0u; k < own; k++) {
                let i = k * ${lanes} + lane;
                if (kind == padding || i >= hidden) { continue; }
                var sum = 0.0;
                if (kind == ordinary) {
                  for (var j = 0u; j < hidden; j++) { sum = fma(weight[j * hidden + i], dx[row * hidden + j], sum); }
                }
                dh[k] = sum;
              }
            }
            for (var k = 0u; k < own; k++) {
              let j = k * ${lanes} + lane;
              if (j < hidden) { dinitialState[b * hidden + j] = dh[k]; }
            }
          }
        `;
      },
    },
  ],
});

/** An invocation a channel of a sequence walks its steps. Nothing is shared; moves 8 bytes an element, the least possible. */
const before = defineKernel(statesBefore, {
  along: "batch",
  workgroups: ({ batch, hidden }) => Math.ceil((batch * hidden) / WORKGROUP),
  source: () => wgsl`
    ${groupIndex}
    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let channel = groupIndex(group, groups) * ${WORKGROUP} + lane;
      if (channel >= dims.batch * dims.hidden) { return; }
      let b = channel / dims.hidden;
      var h = 0.0;
      if (hasInitialState) { h = initialState[channel]; }
      var begun = false;
      var sequence = 0;
      for (var t = 0u; t < dims.time; t++) {
        let row = b * dims.time + t;
        let at = row * dims.hidden + channel % dims.hidden;
        if (hasMask) {
          if (mask[row] == 0) {
            before[at] = 0.0;
            continue;
          }
        }
        if (hasSeqIdx) {
          if (begun && seqIdx[row] != sequence) { h = 0.0; }
          begun = true;
          sequence = seqIdx[row];
        }
        before[at] = h;
        h = y[at];
      }
    }
  `,
});

export const rnnBackwardKernels = [walk, before];
