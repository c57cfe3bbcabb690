import { defineKernel, groupIndex, tanh, wgsl } from "@elapid/webgpu";
import { stepKinds } from "../selective-scan/step-kind.wgsl.ts";
import { kindsPass, lanesOf, MOST_CHANNELS, turnPass } from "./recurrent.wgsl.ts";
import { rnn } from "./rnn.ts";

/**
 * A workgroup walks a sequence, its state in shared memory; an invocation has every 256th channel, sums its product in order and
 * waits for the others twice a step. Before that two passes find out what each step is and turn the weight, of which a step then
 * loads all, from cache. Work `batch · time · hidden²`. Deterministic. Nothing is parallel over time, so it suits batches.
 */
export const rnnForward = defineKernel(rnn, {
  along: "batch",
  suits: ({ hidden }) => hidden <= MOST_CHANNELS,
  scratch: { kinds: ({ batch, time }) => batch * time, turned: ({ hidden }) => hidden * hidden },
  passes: [
    kindsPass,
    turnPass(1),
    {
      binds: ["x", "bias", "initialState", "kinds", "turned", "y", "finalState"],
      workgroups: ({ batch }) => batch,
      source: (dims) => {
        const lanes = lanesOf(dims);
        return wgsl`
          ${groupIndex}
          ${stepKinds}
          ${tanh}
          const hidden = ${dims.hidden}u;
          const own = ${Math.ceil(dims.hidden / lanes)}u; // channels of an invocation
          var<workgroup> h: array<f32, hidden>;

          @compute @workgroup_size(${lanes})
          fn main(
            @builtin(workgroup_id) group: vec3u,
            @builtin(num_workgroups) groups: vec3u,
            @builtin(local_invocation_index) lane: u32,
          ) {
            let b = groupIndex(group, groups);
            if (b >= dims.batch) { return; }
            for (var j = lane; j < hidden; j += ${lanes}) {
              h[j] = 0.0;
              if (hasInitialState) { h[j] = initialState[b * hidden + j]; }
            }
            var next = array<f32, own>();
            for (var t = 0u; t < dims.time; t++) {
              let row = b * dims.time + t;
              let kind = kinds[row];
              workgroupBarrier();
              for (var k = 0u; k < own; k++) {
                let j = k * ${lanes} + lane;
                if (kind == padding || j >= hidden) { continue; }
                var sum = x[row * hidden + j];
                if (hasBias) { sum += bias[j]; }
                for (var i = 0u; i < hidden; i++) {
                  sum = fma(turned[i * hidden + j], select(h[i], 0.0, kind == beginning), sum);
                }
                next[k] = tanhOf(sum);
              }
              workgroupBarrier();
              for (var k = 0u; k < own; k++) {
                let j = k * ${lanes} + lane;
                if (j >= hidden) { continue; }
                if (kind != padding) { h[j] = next[k]; }
                y[row * hidden + j] = select(next[k], 0.0, kind == padding);
              }
            }
            for (var j = lane; j < hidden; j += ${lanes}) { finalState[b * hidden + j] = h[j]; }
          }
        `;
      },
    },
  ],
});
