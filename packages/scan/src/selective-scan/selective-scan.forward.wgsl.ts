import { defineKernel, exponential, groupIndex, silu, softplus, wgsl } from "@elapid/webgpu";
import { selectiveScanOp } from "./selective-scan.ts";
import { sharedRows } from "./shared-rows.wgsl.ts";
import { stepKind, stepKinds } from "./step-kind.wgsl.ts";

const WORKGROUP = 64;
/** States that an invocation can be expected to hold in registers. */
const MAX_STATE = 256;

/**
 * Three passes, because the op has more tensors than a pass may bind:
 *
 * 1. `step`, one invocation an element: the step size, after bias and softplus, goes to scratch, behind all of them what
 *    kind of step it is, and the initial state to `finalState`;
 * 2. the scan, one invocation per channel `(batch, inner)`: it walks time in order with its `state` values in
 *    registers, from `finalState` and back to it;
 * 3. the gate, one invocation an element: adds `D · u`, multiplies with `silu(z)`, clears padding.
 *
 * Nothing is shared, no barrier is needed, the result is deterministic. Work `batch · inner · time · state`;
 * memory traffic is three times that of `y` beside the inputs. Suits many channels and any time, 1 included.
 */
export const selectiveScanForward = defineKernel(selectiveScanOp, {
  along: "batch",
  suits: ({ state }) => state >= 1 && state <= MAX_STATE,
  scratch: { step: ({ batch, time, inner }) => batch * time * (inner + 1) },
  passes: [
    {
      binds: ["delta", "deltaBias", "initialState", "mask", "seqIdx", "step", "finalState"],
      workgroups: ({ batch, time, inner, state }) => Math.ceil((batch * inner * Math.max(time, state)) / WORKGROUP),
      source: () => wgsl`
        ${groupIndex}
        ${softplus}
        ${stepKind}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
          let elements = dims.batch * dims.time * dims.inner;
          if (i < elements) {
            if (i % dims.inner == 0) { step[elements + i / dims.inner] = stepKind(i / dims.inner); }
            var raw = delta[i];
            if (hasDeltaBias) { raw += deltaBias[i % dims.inner]; }
            if (deltaSoftplus) { raw = softplus(raw); }
            step[i] = raw;
          }
          if (i < dims.batch * dims.inner * dims.state) {
            var start = 0.0;
            if (hasInitialState) { start = initialState[i]; }
            finalState[i] = start;
          }
        }
      `,
    },
    {
      binds: ["u", "A", "B", "C", "step", "y", "finalState"],
      workgroups: ({ batch, inner }) => Math.ceil((batch * inner) / WORKGROUP),
      source: ({ state }) => wgsl`
        ${exponential}
        ${groupIndex}
        ${sharedRows}
        ${stepKinds}
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
          var h = array<f32, ${state}>();
          for (var n = 0u; n < ${state}; n++) { h[n] = finalState[channel * ${state} + n]; }
          let rowsB = rowsOfB(dims.rangeFirst + b, e);
          let rowsC = rowsOfC(dims.rangeFirst + b, e);
          for (var t = 0u; t < dims.time; t++) {
            let row = b * dims.time + t;
            let kind = step[dims.batch * dims.time * dims.inner + row];
            if (kind == padding) { continue; }
            if (kind == beginning) { h = array<f32, ${state}>(); }
            let Bt = (rowsB.first + t * rowsB.stride) * ${state};
            let Ct = (rowsC.first + t * rowsC.stride) * ${state};
            let at = row * dims.inner + e;
            let d = step[at];
            let drive = d * u[at];
            var out = 0.0;
            for (var n = 0u; n < ${state}; n++) {
              h[n] = exponential(d * A[e * ${state} + n]) * h[n] + drive * B[Bt + n];
              out += C[Ct + n] * h[n];
            }
            y[at] = out;
          }
          for (var n = 0u; n < ${state}; n++) { finalState[channel * ${state} + n] = h[n]; }
        }
      `,
    },
    {
      binds: ["u", "D", "z", "mask", "y"],
      workgroups: ({ batch, time, inner }) => Math.ceil((batch * time * inner) / WORKGROUP),
      source: () => wgsl`
        ${groupIndex}
        ${silu}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
          if (i >= dims.batch * dims.time * dims.inner) { return; }
          if (hasMask) {
            if (mask[i / dims.inner] == 0) {
              y[i] = 0.0;
              return;
            }
          }
          var out = y[i];
          if (hasD) { out += D[i % dims.inner] * u[i]; }
          if (hasZ) { out *= silu(z[i]); }
          y[i] = out;
        }
      `,
    },
  ],
});
