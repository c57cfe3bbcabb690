import { defineKernel, exponential, groupIndex, silu, softplus, UNIFORM_ELEMENTS, wgsl } from "@elapid/webgpu";
import { selectiveScanOp } from "./selective-scan.ts";
import { forwardTraffic } from "./selective-scan.traffic.ts";
import { extentsOfC } from "./shared-rows.ts";
import { sharedRows } from "./shared-rows.wgsl.ts";

const WORKGROUP = 64;

/**
 * One token, in one pass: an invocation per channel `(batch, inner)` steps its state from `initialState` to `finalState`. What is
 * small, `C`, `D`, `deltaBias` and `mask`, comes as uniforms, as a pass may bind eight tensors and the op has more. Nothing is shared, no
 * barrier is needed, and the bits are those of the kernels for longer sequences. Work: an exponential and two multiply-adds for each
 * `batch · inner · state`; every number is loaded or stored once, but for `B` and `C`, which come from cache. Suits a `time`
 * of 1, of which `seqIdx` says nothing.
 */
export const selectiveScanStep = defineKernel(selectiveScanOp, {
  algorithm: "step",
  along: "batch",
  suits: (dims) =>
    dims.time === 1 &&
    Math.max(dims.inner, dims.batch) <= UNIFORM_ELEMENTS &&
    extentsOfC(dims).reduce((rows, extent) => rows * extent, dims.state) <= UNIFORM_ELEMENTS,
  traffic: (dims, { given }) => {
    const { least } = forwardTraffic(dims, given, 1, undefined);
    return { moved: least, least };
  },
  binds: ["u", "delta", "A", "B", "z", "initialState", "y", "finalState"],
  uniforms: ["C", "D", "deltaBias", "mask"],
  workgroups: ({ batch, inner }) => Math.ceil((batch * inner) / WORKGROUP),
  source: ({ state }) => wgsl`
    ${groupIndex}
    ${exponential}
    ${softplus}
    ${silu}
    ${sharedRows}
    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let at = groupIndex(group, groups) * ${WORKGROUP} + lane;
      if (at >= dims.batch * dims.inner) { return; }
      if (hasMask) {
        if (maskAt(at / dims.inner) == 0) {
          for (var n = 0u; n < ${state}; n++) {
            var h = 0.0;
            if (hasInitialState) { h = initialState[at * ${state} + n]; }
            finalState[at * ${state} + n] = h;
          }
          y[at] = 0.0;
          return;
        }
      }
      let e = at % dims.inner;
      let b = dims.rangeFirst + at / dims.inner;
      let atB = rowsOfB(b, e).first * ${state};
      let atC = rowsOfC(b, e).first * ${state};
      var d = delta[at];
      if (hasDeltaBias) { d += deltaBiasAt(e); }
      if (deltaSoftplus) { d = softplus(d); }
      let drive = d * u[at];
      var out = 0.0;
      for (var n = 0u; n < ${state}; n++) {
        var h = 0.0;
        if (hasInitialState) { h = initialState[at * ${state} + n]; }
        h = fma(exponential(d * A[e * ${state} + n]), h, drive * B[atB + n]);
        finalState[at * ${state} + n] = h;
        out = fma(CAt(atC + n), h, out);
      }
      if (hasD) { out = fma(DAt(e), u[at], out); }
      if (hasZ) { out *= silu(z[at]); }
      y[at] = out;
    }
  `,
});
