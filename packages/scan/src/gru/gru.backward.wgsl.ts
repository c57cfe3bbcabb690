import { defineKernel, groupIndex, wgsl } from "@elapid/webgpu";
import { kindsPass, lanesOf } from "../rnn/recurrent.wgsl.ts";
import { stepKinds } from "../selective-scan/step-kind.wgsl.ts";
import { gates } from "./gates.wgsl.ts";
import { gruBackward } from "./gru.backward.ts";

const WORKGROUP = 64;

/**
 * Three passes. One finds out what each step is. One, an invocation a step and channel, leaves where the gradients will be what the
 * gradient by the state is to be multiplied by. In the last a workgroup walks a sequence back: an invocation has every 256th
 * channel, whose gradient it keeps; a step writes `dx` and `dproduct`, waits once, and takes the product with all of `dproduct`,
 * read from cache as the weight is. Work `3 · batch · time · hidden²`. Deterministic.
 */
export const gruBackwardKernel = defineKernel(gruBackward, {
  along: "batch",
  scratch: { kinds: ({ batch, time }) => batch * time },
  passes: [
    kindsPass,
    {
      binds: ["x", "product", "before", "dx", "dproduct"],
      workgroups: ({ batch, time, hidden }) => Math.ceil((batch * time * hidden) / WORKGROUP),
      source: () => wgsl`
        ${groupIndex}
        ${gates}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
          let hidden = dims.hidden;
          if (i >= dims.batch * dims.time * hidden) { return; }
          let at = i / hidden * dims.gates + i % hidden;
          let q = product[at + 2 * hidden];
          let gate = gates(x[at], x[at + hidden], x[at + 2 * hidden], product[at], product[at + hidden], q);
          let toNew = (1.0 - gate.z) * fma(-gate.n, gate.n, 1.0);
          dx[at] = toNew * q * gate.r * (1.0 - gate.r);
          dx[at + hidden] = (before[i] - gate.n) * gate.z * (1.0 - gate.z);
          dx[at + 2 * hidden] = toNew;
          dproduct[at] = gate.z;
          dproduct[at + 2 * hidden] = toNew * gate.r;
        }
      `,
    },
    {
      binds: ["weight", "dy", "dfinalState", "kinds", "dx", "dproduct", "dinitialState"],
      workgroups: ({ batch }) => batch,
      moves: ({ batch, time, gates }) => ({ dx: 2 * batch * time * gates, dproduct: 2 * batch * time * gates }),
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
                let at = 3 * row * hidden + j;
                if (kind == padding) {
                  for (var gate = 0u; gate < 3; gate++) {
                    dx[at + gate * hidden] = 0.0;
                    dproduct[at + gate * hidden] = 0.0;
                  }
                  continue;
                }
                if (hasDy) { dh[k] += dy[row * hidden + j]; }
                let past = dproduct[at];
                let dr = dh[k] * dx[at];
                let dz = dh[k] * dx[at + hidden];
                dx[at] = dr;
                dx[at + hidden] = dz;
                dx[at + 2 * hidden] *= dh[k];
                dproduct[at] = dr;
                dproduct[at + hidden] = dz;
                dproduct[at + 2 * hidden] *= dh[k];
                dh[k] *= past;
              }
              storageBarrier();
              for (var k = 0u; k < own; k++) {
                let i = k * ${lanes} + lane;
                if (kind == padding || i >= hidden) { continue; }
                if (kind == beginning) { dh[k] = 0.0; }
                if (kind == ordinary) {
                  for (var g = 0u; g < 3 * hidden; g++) {
                    dh[k] = fma(weight[g * hidden + i], dproduct[3 * row * hidden + g], dh[k]);
                  }
                }
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
