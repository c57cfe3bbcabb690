import { exponential, silu, softplus, wgsl, type Wgsl } from "@elapid/webgpu";
import { forwardLayout, sliceOf, WORKGROUP } from "./selective-scan.layout.wgsl.ts";

/**
 * The pass that gives `y`: an invocation a channel and border walks to the next border, or to the end, from the state
 * that lies in `carries`. Up to 16 states are in registers at a time; where there are more, `y` holds the sum so far.
 *
 * A state is carried over the end of a chunk not as it was walked but as `exp(A · sum of step sizes)` times the state
 * before the chunk, plus what the chunk adds to an empty state: that is how chunks that know nothing of each other
 * carry it, so that both kernels give the same bits.
 */
export function walk(state: number, chunk: number, chunked: boolean): Wgsl {
  return wgsl`
    ${forwardLayout(chunk, chunked)}
    ${exponential}
    ${softplus}
    ${silu}
    const slice = ${sliceOf(state)}u;

    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let piece = groupIndex(group, groups) * ${WORKGROUP} + lane;
      if (piece >= pieces()) { return; }
      let e = piece % dims.inner;
      let border = piece / dims.inner % borders();
      let b = piece / dims.inner / borders();
      let first = border * chunk;
      let end = select(dims.time, min(first + chunk, dims.time), chunked);
      for (var origin = 0u; origin < ${state}; origin += slice) {
        var rates = array<f32, slice>();
        var h = array<f32, slice>();
        var start = array<f32, slice>(); // before the chunk
        var added = array<f32, slice>(); // by the chunk, to an empty state
        for (var n = 0u; n < slice; n++) {
          rates[n] = A[e * ${state} + origin + n];
          start[n] = carries[stateAt(b, border, origin + n, e)];
          h[n] = start[n];
        }
        for (var begin = first; begin < end; begin += chunk) {
          var stepSum = 0.0;
          for (var t = begin; t < min(begin + chunk, end); t++) {
            let row = b * dims.time + t;
            let at = row * dims.inner + e;
            if (carries[kindAt(row)] == PADDED) {
              y[at] = 0.0;
              continue;
            }
            var d = delta[at];
            if (hasDeltaBias) { d += carries[biasAt(e)]; }
            if (deltaSoftplus) { d = softplus(d); }
            let drive = d * u[at];
            stepSum += d;
            var out = 0.0;
            if (origin > 0) { out = y[at]; }
            for (var n = 0u; n < slice; n++) {
              let a = exponential(d * rates[n]);
              let input = drive * B[row * ${state} + origin + n];
              h[n] = fma(a, h[n], input);
              if (!chunked) { added[n] = fma(a, added[n], input); }
              out = fma(C[row * ${state} + origin + n], h[n], out);
            }
            if (origin + slice == ${state}) {
              if (hasD) { out = fma(carries[skipAt(e)], u[at], out); }
              if (hasZ) { out *= silu(z[at]); }
            }
            y[at] = out;
          }
          if (!chunked) {
            for (var n = 0u; n < slice; n++) {
              start[n] = fma(exponential(rates[n] * stepSum), start[n], added[n]);
              h[n] = start[n];
              added[n] = 0.0;
            }
          }
        }
        if (!chunked) {
          for (var n = 0u; n < slice; n++) { carries[stateAt(b, border, origin + n, e)] = start[n]; }
        }
      }
    }
  `;
}
