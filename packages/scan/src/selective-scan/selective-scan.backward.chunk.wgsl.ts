import { wgsl } from "@elapid/webgpu";
import { CHUNK, layout, type BackwardForm } from "./selective-scan.backward.layout.wgsl.ts";
import { sliceOf, WORKGROUP } from "./selective-scan.layout.wgsl.ts";

/**
 * The pass of the backward kernel that has the states: a workgroup for 64 channels and a chunk, a lane a channel. For up to 16
 * numbers of the state at a time, a lane computes those before each step of the chunk again, into 2 KiB of its own, then
 * walks back.
 */
export const backwardChunk = (state: number, form: BackwardForm) => wgsl`
  ${layout(form)}
  const slice = ${sliceOf(state, form.entry.parts)}u;
  const numbers = slice * parts;
  const stride = ${WORKGROUP + 1}u; // of a column of the tile: neighbours lie in different banks
  var<workgroup> tile: array<f32, 2 * numbers * stride>; // of C, then of B

  @compute @workgroup_size(${WORKGROUP})
  fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
  ) {
    let index = groupIndex(group, groups);
    if (index >= dims.batch * chunks() * blocks) { return; }
    let block = index % blocks;
    let b = index / blocks / chunks();
    let chunk = index / blocks % chunks();
    let first = b * dims.time + chunk * ${CHUNK};
    let length = min(${CHUNK}, dims.time - chunk * ${CHUNK});
    let width = dims.inner / segments;
    let inSegment = block % (blocks / segments) * ${WORKGROUP} + lane;
    let works = inSegment < width;
    let e = block / (blocks / segments) * width + inSegment;
    let rowsB = rowsOfB(b, min(e, dims.inner - 1));
    let rowsC = rowsOfC(b, min(e, dims.inner - 1));

    // sums over the state, a step each: of what it adds to the output, of g · B, of g · decay · A · the state before
    var outs = array<f32, ${CHUNK}>();
    var alongB = array<f32, ${CHUNK}>();
    var alongA = array<f32, ${CHUNK}>();
    for (var origin = 0u; origin < ${state}; origin += slice) {
      var rates = array<Entry, slice>();
      var g = array<Entry, slice>();
      var sharesOfA = array<Entry, slice>();
      var sharesOfB = array<Entry, slice>();
      var sharesOfC = array<Entry, slice>();
      var states = array<Entry, ${CHUNK} * slice>(); // before each step
      if (works) {
        var h = array<Entry, slice>();
        for (var n = 0u; n < slice; n++) {
          let place = stateAt(b, chunk, origin + n, e);
          let at = parts * (e * ${state} + origin + n);
          rates[n] = entryOf(A[at], A[at + parts - 1]);
          h[n] = entryOf(carries[place], carries[place + parts - 1]);
          g[n] = entryOf(carries[carryAt(place)], carries[carryAt(place) + parts - 1]);
        }
        for (var t = 0u; t < length; t++) {
          let row = first + t;
          let kind = steps[kindAt(row)];
          let d = steps[row * dims.inner + e];
          let drive = d * u[row * dims.inner + e];
          let atB = (rowsB.first + (chunk * ${CHUNK} + t) * rowsB.stride) * ${state} + origin;
          if (kind == beginning) { h = array<Entry, slice>(); }
          for (var n = 0u; n < slice; n++) {
            states[t * slice + n] = h[n];
            if (kind != padding) {
              let input = drive * entryOf(B[parts * (atB + n)], B[parts * (atB + n + 1) - 1]);
              h[n] = madd(decayOf(rates[n], d), h[n], input);
            }
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
          let atB = (rowsB.first + (chunk * ${CHUNK} + t) * rowsB.stride) * ${state} + origin;
          let atC = (rowsC.first + (chunk * ${CHUNK} + t) * rowsC.stride) * ${state} + origin;
          for (var n = 0u; n < slice; n++) {
            let input = entryOf(B[parts * (atB + n)], B[parts * (atB + n + 1) - 1]);
            let c = entryOf(C[parts * (atC + n)], C[parts * (atC + n + 1) - 1]);
            let a = decayOf(rates[n], d);
            let before = times(a, states[t * slice + n]);
            let after = fma(Entry(drive), input, before);
            g[n] = fma(Entry(grad), outputSlope(c), g[n]);
            outs[t] = output(c, after, outs[t]);
            alongB[t] = project(g[n], input, alongB[t]);
            let rateGrad = times(g[n], conj(before));
            alongA[t] = project(rateGrad, rates[n], alongA[t]);
            sharesOfA[n] = fma(Entry(d), rateGrad, sharesOfA[n]);
            let gradOfC = grad * outputSlope(after);
            let gradOfB = drive * g[n];
            if (ownC) { sharesOfC[n] += gradOfC; }
            if (ownB) { sharesOfB[n] += gradOfB; }
            for (var p = 0u; p < parts; p++) {
              tile[(n * parts + p) * stride + lane] = part(gradOfC, p);
              tile[(numbers + n * parts + p) * stride + lane] = part(gradOfB, p);
            }
            g[n] = times(conj(a), g[n]);
          }
          if (kind == beginning) { g = array<Entry, slice>(); }
        } else {
          for (var n = 0u; n < 2 * numbers; n++) { tile[n * stride + lane] = 0.0; }
        }
        workgroupBarrier();
        let isOfC = lane < numbers;
        if (lane < 2 * numbers && !select(ownB, ownC, isOfC)) {
          var sum = 0.0;
          for (var k = 0u; k < ${WORKGROUP}; k++) { sum += tile[lane * stride + k]; }
          shares[select(shareOfBAt(block, row, origin), shareOfCAt(block, row, origin), isOfC) + lane % numbers] = sum;
        }
        workgroupBarrier();
      }
      if (works) {
        // what was carried to the chunk has been used: its place is free
        for (var n = 0u; n < slice; n++) {
          for (var p = 0u; p < parts; p++) {
            let place = stateAt(b, chunk, origin + n, e) + p;
            carries[place] = part(sharesOfA[n], p);
            if (ownB) { carries[carryAt(place)] = part(sharesOfB[n], p); }
            if (ownC) { carries[ownShareOfCAt(place)] = part(sharesOfC[n], p); }
          }
        }
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
