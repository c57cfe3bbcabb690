import { silu, softplus, wgsl, type Wgsl } from "@elapid/webgpu";
import { carriedOver, forwardLayout, sliceOf, WORKGROUP, type Form } from "./selective-scan.layout.wgsl.ts";
import { stepKind } from "./step-kind.wgsl.ts";

/**
 * The first pass: into `carries` go `D`, `deltaBias` and the kind of each step and, if nothing is chunked, the initial
 * state. It binds `D`, `deltaBias`, `initialState`, `mask`, `seqIdx`, `carries`.
 */
export function prepare(form: Form): Wgsl {
  return wgsl`
    ${forwardLayout(form)}
    ${stepKind}
    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
      if (i < dims.inner) {
        if (hasD) { carries[skipAt(i)] = D[i]; }
        if (hasDeltaBias) { carries[biasAt(i)] = deltaBias[i]; }
      }
      if (i < dims.batch * dims.time) { carries[kindAt(i)] = stepKind(i); }
      if (!chunked && i < channels() * dims.state) {
        let e = i % dims.inner;
        let n = i / dims.inner % dims.state;
        let b = i / dims.inner / dims.state;
        for (var p = 0u; p < parts; p++) {
          var start = 0.0;
          if (hasInitialState) { start = initialState[parts * ((b * dims.inner + e) * dims.state + n) + p]; }
          carries[stateAt(b, 0, n, e) + p] = start;
        }
      }
    }
  `;
}

/**
 * The pass that gives `y`: an invocation a channel and border walks to the next border, or to the end, from the state
 * that lies in `carries`. Up to 16 numbers of the state are in registers at a time; where there are more, `y` holds the
 * sum so far. It binds `u`, `delta`, `A`, `B`, `C`, `z`, `y`, `carries`.
 *
 * A state is carried over the end of a chunk not as it was walked but as `exp(A · sum of step sizes)` times the state
 * before the chunk, plus what the chunk adds to an empty state: that is how chunks that know nothing of each other
 * carry it, so that both kernels give the same bits.
 */
export function walk(state: number, form: Form): Wgsl {
  return wgsl`
    ${forwardLayout(form)}
    ${carriedOver}
    ${softplus}
    ${silu}
    const slice = ${sliceOf(state, form.entry.parts)}u;

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
      let rowsB = rowsOfB(dims.rangeFirst + b, e);
      let rowsC = rowsOfC(dims.rangeFirst + b, e);
      for (var origin = 0u; origin < ${state}; origin += slice) {
        var rates = array<Entry, slice>();
        var h = array<Entry, slice>();
        var start = array<Entry, slice>(); // before the chunk
        var added = array<Entry, slice>(); // by the chunk, to an empty state
        for (var n = 0u; n < slice; n++) {
          let at = parts * (e * ${state} + origin + n);
          let place = stateAt(b, border, origin + n, e);
          rates[n] = entryOf(A[at], A[at + parts - 1]);
          start[n] = entryOf(carries[place], carries[place + parts - 1]);
          h[n] = start[n];
        }
        for (var begin = first; begin < end; begin += chunk) {
          var stepSum = 0.0;
          var chunkKind = padding;
          for (var t = begin; t < min(begin + chunk, end); t++) {
            let row = b * dims.time + t;
            let at = row * dims.inner + e;
            let kind = carries[kindAt(row)];
            if (kind == padding) {
              y[at] = 0.0;
              continue;
            }
            if (kind == beginning) {
              h = array<Entry, slice>();
              start = array<Entry, slice>();
              added = array<Entry, slice>();
              stepSum = 0.0;
            }
            chunkKind = max(chunkKind, kind);
            var d = delta[at];
            if (hasDeltaBias) { d += carries[biasAt(e)]; }
            if (deltaSoftplus) { d = softplus(d); }
            let drive = d * u[at];
            stepSum += d;
            var out = 0.0;
            if (origin > 0) { out = y[at]; }
            let atB = (rowsB.first + t * rowsB.stride) * ${state} + origin;
            let atC = (rowsC.first + t * rowsC.stride) * ${state} + origin;
            for (var n = 0u; n < slice; n++) {
              let decay = decayOf(rates[n], d);
              let input = drive * entryOf(B[parts * (atB + n)], B[parts * (atB + n + 1) - 1]);
              h[n] = madd(decay, h[n], input);
              if (!chunked) { added[n] = madd(decay, added[n], input); }
              out = output(entryOf(C[parts * (atC + n)], C[parts * (atC + n + 1) - 1]), h[n], out);
            }
            if (origin + slice == ${state}) {
              if (hasD) { out = fma(carries[skipAt(e)], u[at], out); }
              if (hasZ) { out *= silu(z[at]); }
            }
            y[at] = out;
          }
          if (!chunked) {
            for (var n = 0u; n < slice; n++) {
              start[n] = carriedOver(start[n], decayOf(rates[n], stepSum), added[n], chunkKind);
              h[n] = start[n];
              added[n] = Entry();
            }
          }
        }
        if (!chunked) {
          for (var n = 0u; n < slice; n++) {
            for (var p = 0u; p < parts; p++) { carries[stateAt(b, border, origin + n, e) + p] = part(start[n], p); }
          }
        }
      }
    }
  `;
}
