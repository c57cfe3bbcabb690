import { defineKernel, groupIndex, wgsl } from "@elapid/webgpu";
import { kindsPass, lanesOf, MOST_CHANNELS, turnPass } from "../rnn/recurrent.wgsl.ts";
import { stepKinds } from "../selective-scan/step-kind.wgsl.ts";
import { gates } from "./gates.wgsl.ts";
import { gru } from "./gru.ts";

/**
 * A workgroup walks a sequence, its state in shared memory; an invocation has every 256th channel, sums the products of its three
 * gates in order and waits for the others twice a step. Before that two passes find out what each step is and turn the weight, of
 * which a step then loads all, from cache. Work `3 · batch · time · hidden²`. Deterministic. Nothing is parallel over time, so it
 * suits batches.
 */
export const gruForward = defineKernel(gru, {
  along: "batch",
  suits: ({ hidden }) => hidden <= MOST_CHANNELS,
  scratch: { kinds: ({ batch, time }) => batch * time, turned: ({ gates, hidden }) => gates * hidden },
  passes: [
    kindsPass,
    turnPass(3),
    {
      binds: ["x", "bias", "initialState", "kinds", "turned", "y", "finalState"],
      workgroups: ({ batch }) => batch,
      source: (dims) => {
        const lanes = lanesOf(dims);
        return wgsl`
          ${groupIndex}
          ${stepKinds}
          ${gates}
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
                var p = vec3f();
                if (hasBias) { p = vec3f(bias[j], bias[hidden + j], bias[2 * hidden + j]); }
                for (var i = 0u; i < hidden; i++) {
                  let at = 3 * i * hidden + j;
                  let state = select(h[i], 0.0, kind == beginning);
                  p = fma(vec3f(turned[at], turned[at + hidden], turned[at + 2 * hidden]), vec3f(state), p);
                }
                let at = 3 * row * hidden + j;
                let gate = gates(x[at], x[at + hidden], x[at + 2 * hidden], p.x, p.y, p.z);
                next[k] = fma(gate.z, select(h[j], 0.0, kind == beginning) - gate.n, gate.n);
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
