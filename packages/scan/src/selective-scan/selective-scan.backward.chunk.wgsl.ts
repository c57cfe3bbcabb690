import { exponential, wgsl } from "@elapid/webgpu";
import { CHUNK, layout, sliceOf, WORKGROUP } from "./selective-scan.backward.layout.wgsl.ts";

/**
 * The pass of the backward kernel that has the states: a workgroup for 64 channels and a chunk, a lane a channel. For up to 16
 * states at a time, a lane computes those before each step of the chunk again, into 2 KiB of its own, then walks back.
 */
export const backwardChunk = (state: number) => wgsl`
  ${layout}
  ${exponential}
  const slice = ${sliceOf(state)}u;
  const stride = ${WORKGROUP + 1}u; // of a column of the tile: neighbours lie in different banks
  var<workgroup> tile: array<f32, 2 * slice * stride>; // of C, then of B

  @compute @workgroup_size(${WORKGROUP})
  fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
  ) {
    let index = groupIndex(group, groups);
    if (index >= dims.batch * chunks() * blocks()) { return; }
    let block = index % blocks();
    let b = index / blocks() / chunks();
    let chunk = index / blocks() % chunks();
    let first = b * dims.time + chunk * ${CHUNK};
    let length = min(${CHUNK}, dims.time - chunk * ${CHUNK});
    let e = block * ${WORKGROUP} + lane;
    let works = e < dims.inner;

    // sums over the state, a step each: of C · h, of g · B, of g · decay · A · the state before
    var outs = array<f32, ${CHUNK}>();
    var alongB = array<f32, ${CHUNK}>();
    var alongA = array<f32, ${CHUNK}>();
    for (var origin = 0u; origin < ${state}; origin += slice) {
      var rates = array<f32, slice>();
      var g = array<f32, slice>();
      var rateShares = array<f32, slice>();
      var states = array<f32, ${CHUNK} * slice>(); // before each step
      if (works) {
        var h = array<f32, slice>();
        for (var n = 0u; n < slice; n++) {
          let place = stateAt(b, chunk, origin + n, e);
          rates[n] = A[e * ${state} + origin + n];
          h[n] = carries[place];
          g[n] = carries[carryAt(place)];
        }
        for (var t = 0u; t < length; t++) {
          let row = first + t;
          let kind = steps[kindAt(row)];
          let d = steps[row * dims.inner + e];
          let drive = d * u[row * dims.inner + e];
          if (kind == beginning) { h = array<f32, slice>(); }
          for (var n = 0u; n < slice; n++) {
            states[t * slice + n] = h[n];
            if (kind != padding) { h[n] = fma(exponential(d * rates[n]), h[n], drive * B[row * ${state} + origin + n]); }
          }
        }
      }
      for (var left = length; left > 0; left--) {
        let t = left - 1;
        let row = first + t;
        let kind = steps[kindAt(row)];
        if (works && kind != padding) {
          let at = row * dims.inner + e;
          let d = steps[at];
          let drive = d * u[at];
          let grad = steps[gradAt(at)];
          for (var n = 0u; n < slice; n++) {
            let b = B[row * ${state} + origin + n];
            let c = C[row * ${state} + origin + n];
            let a = exponential(d * rates[n]);
            let before = a * states[t * slice + n];
            let after = fma(drive, b, before);
            g[n] = fma(grad, c, g[n]);
            outs[t] = fma(c, after, outs[t]);
            alongB[t] = fma(g[n], b, alongB[t]);
            alongA[t] = fma(g[n] * before, rates[n], alongA[t]);
            rateShares[n] = fma(g[n] * before, d, rateShares[n]);
            tile[n * stride + lane] = grad * after;
            tile[(slice + n) * stride + lane] = g[n] * drive;
            g[n] *= a;
          }
          if (kind == beginning) { g = array<f32, slice>(); }
        } else {
          for (var n = 0u; n < 2 * slice; n++) { tile[n * stride + lane] = 0.0; }
        }
        workgroupBarrier();
        if (lane < 2 * slice) {
          var sum = 0.0;
          for (var k = 0u; k < ${WORKGROUP}; k++) { sum += tile[lane * stride + k]; }
          let n = origin + lane % slice;
          shares[select(shareOfBAt(block, row, n), shareOfCAt(block, row, n), lane < slice)] = sum;
        }
        workgroupBarrier();
      }
      if (works) {
        // the state before the chunk has been used: its place is free
        for (var n = 0u; n < slice; n++) { carries[stateAt(b, chunk, origin + n, e)] = rateShares[n]; }
      }
    }
    if (!works) { return; }
    for (var t = 0u; t < length; t++) {
      let at = (first + t) * dims.inner + e;
      if (steps[kindAt(first + t)] == padding) {
        du[at] = 0.0;
        continue;
      }
      du[at] = steps[at] * alongB[t];
      steps[at] = fma(alongB[t], u[at], alongA[t]);
      shares[at] = outs[t];
    }
  }
`;
