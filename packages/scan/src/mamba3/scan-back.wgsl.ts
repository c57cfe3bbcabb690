import { wgsl } from "@elapid/webgpu";
import {
  biased,
  biasesOf,
  CHUNK,
  lanesOf,
  layout,
  outputsOf,
  projectionsOf,
  slicesOf,
  turning,
} from "./layout.wgsl.ts";
import type { Mamba3Pass } from "./prepare.wgsl.ts";
import { advance, carried, loadVectors } from "./scan.wgsl.ts";

/**
 * The recurrence backward: a workgroup for a slice of the state of a head, a lane a channel. Chunk by chunk from the last, the states
 * before every step are computed again, into 2 KiB of the lane's own, then walked back. What all channels add to `B` and `C` is summed through
 * a tile that the workgroup shares: a lane for each entry goes over the channels in order.
 */
export const scanBack: Mamba3Pass = {
  binds: ["x", "B", "C", "plan", "work", "carries", "grads", "shares"],
  workgroups: (sizes) => sizes.batch * sizes.heads * slicesOf(sizes),
  moves: (sizes) => ({
    work: 2 * (sizes.batch + 1) * biasesOf(sizes) + (2 * sizes.batch + 1) * projectionsOf(sizes),
    grads: outputsOf(sizes),
  }),
  source: (sizes, { attributes: { rotation } }) => wgsl`
    ${layout(sizes)}
    ${turning(rotation === "halved")}
    ${biased}
    ${loadVectors}
    ${advance}
    ${carried}
    const stride = lanes + 1; // of a row of the tile: neighbours lie in different banks
    const sums = (rank * slice + lanes - 1) / lanes; // entries of B that a lane adds up
    var<workgroup> tile: array<f32, slice * stride>;
    var<workgroup> outGrads: array<f32, rank * lanes>;
    var<workgroup> owns: array<f32, rank * lanes>;
    var<workgroup> lasts: array<f32, rank * lanes>;

    /** The step before t that is no padding, or -1. */
    fn stepBefore(b: u32, t: u32) -> i32 {
      for (var before = t; before > 0; before--) {
        if (plan[b * dims.time + before - 1] != padding) { return i32(before) - 1; }
      }
      return -1;
    }
    fn inputOf(row: u32, head: u32, r: u32, channel: u32) -> f32 {
      return x[(row * dims.heads + head) * dims.headDim + channel] * work[projectXAt((head * rank + r) * dims.headDim + channel)];
    }
    /** x of the token of step before, or of the one that the sequence starts from. */
    fn lastInput(unit: u32, before: i32, r: u32, channel: u32) -> f32 {
      let head = unit % dims.heads;
      if (before >= 0) { return inputOf(unit / dims.heads * dims.time + u32(before), head, r, channel); }
      return work[lastXAt((unit * rank + r) * dims.headDim + channel)];
    }
    fn loadLast(unit: u32, before: i32, origin: u32, slot: u32, lane: u32) {
      if (before >= 0) {
        loadB(unit / dims.heads * dims.time + u32(before), unit % dims.heads, origin, slot, lane);
      } else {
        loadStart(unit, origin, slot, lane);
      }
    }

    @compute @workgroup_size(${lanesOf(sizes)})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let index = groupIndex(group, groups);
      if (index >= dims.batch * dims.heads * slices) { return; }
      let part = index % slices;
      let unit = index / slices;
      let head = unit % dims.heads;
      let b = unit / dims.heads;
      let origin = part * slice;
      let entries = min(slice, dims.state - origin);
      let works = lane < dims.headDim;
      let chunks = (dims.time + ${CHUNK - 1}) / ${CHUNK};

      var g = array<f32, slice>();
      var gX = array<f32, rank>();
      var gB = array<f32, sums>();
      if (works) {
        for (var n = 0u; n < entries; n++) { g[n] = carries[carryAt(unit, chunks, origin + n, lane)]; }
        for (var r = 0u; r < rank && part == 0; r++) { gX[r] = work[gradXAt((unit * rank + r) * dims.headDim + lane)]; }
      }
      for (var k = 0u; k < sums; k++) {
        let i = lane + k * lanes;
        if (i < rank * slice && i % slice < entries) {
          gB[k] = work[gradBAt((unit * rank + i / slice) * dims.state + origin + i % slice)];
        }
      }

      for (var chunk = chunks; chunk > 0; chunk--) {
        let first = (chunk - 1) * ${CHUNK};
        let length = min(${CHUNK}, dims.time - first);
        var states = array<f32, ${CHUNK} * slice>(); // before each step
        var h = array<f32, slice>();
        var xLast = array<f32, rank>();
        let before = stepBefore(b, first);
        if (works) {
          for (var n = 0u; n < entries; n++) { h[n] = carries[carryAt(unit, chunk - 1, origin + n, lane)]; }
          for (var r = 0u; r < rank; r++) { xLast[r] = lastInput(unit, before, r, lane); }
        }
        var last = 0u; // slot of the last step's B
        workgroupBarrier();
        loadLast(unit, before, origin, last, lane);
        for (var t = 0u; t < length; t++) {
          for (var n = 0u; n < slice; n++) { states[t * slice + n] = h[n]; }
          let row = b * dims.time + first + t;
          workgroupBarrier();
          loadB(row, head, origin, 1 - last, lane);
          workgroupBarrier();
          if (plan[row] != padding) {
            if (works) { advance(&h, &xLast, row * dims.heads + head, head, lane, plan[row], 1 - last); }
            last = 1 - last;
          }
        }

        for (var left = length; left > 0; left--) {
          let t = left - 1;
          let row = b * dims.time + first + t;
          let at = row * dims.heads + head;
          let kind = plan[row];
          let kept = kind != padding;
          let decay = plan[stepAt(at)];
          let lambda = plan[stepAt(at) + 1];
          let weight = lambda * plan[stepAt(at) + 2];
          let weightLast = (1.0 - lambda) * plan[stepAt(at) + 2] * decay;
          let before = stepBefore(b, first + t);
          workgroupBarrier();
          loadB(row, head, origin, 0, lane);
          loadLast(unit, before, origin, 1, lane);
          loadC(row, head, origin, lane);
          for (var r = 0u; r < rank; r++) {
            let i = r * lanes + lane;
            outGrads[i] = 0.0;
            owns[i] = 0.0;
            lasts[i] = 0.0;
            if (works && kept) {
              outGrads[i] = grads[gradAt(at, r, lane)];
              owns[i] = inputOf(row, head, r, lane);
              if (kind == ordinary) { lasts[i] = lastInput(unit, before, r, lane); }
            }
          }
          workgroupBarrier();

          var byDecay = 0.0;
          var byLast = 0.0;
          var byOwn = 0.0;
          for (var n = 0u; n < slice; n++) { tile[n * stride + lane] = 0.0; }
          if (works && kept) {
            for (var n = 0u; n < slice; n++) { h[n] = states[t * slice + n]; }
            for (var r = 0u; r < rank; r++) {
              xLast[r] = lasts[r * lanes + lane];
              for (var n = 0u; n < slice; n++) { g[n] = fma(outGrads[r * lanes + lane], vectors[(2 * rank + r) * slice + n], g[n]); }
            }
            for (var n = 0u; n < slice; n++) { byDecay = fma(g[n], select(0.0, h[n], kind == ordinary), byDecay); }
            advance(&h, &xLast, at, head, lane, kind, 0);
            for (var n = 0u; n < slice; n++) { tile[n * stride + lane] = h[n]; }
          }
          workgroupBarrier();
          for (var i = lane; i < rank * slice && kept; i += lanes) {
            var sum = 0.0;
            for (var c = 0u; c < dims.headDim; c++) { sum = fma(outGrads[i / slice * lanes + c], tile[i % slice * stride + c], sum); }
            if (i % slice < entries) { shares[shareCAt(at, i / slice, origin + i % slice)] = sum; }
          }
          workgroupBarrier();
          if (works && kept) {
            for (var r = 0u; r < rank; r++) {
              var alongLast = 0.0;
              var alongOwn = 0.0;
              for (var n = 0u; n < slice; n++) {
                alongOwn = fma(g[n], vectors[r * slice + n], alongOwn);
                alongLast = fma(g[n], select(0.0, vectors[(rank + r) * slice + n], kind == ordinary), alongLast);
              }
              byOwn = fma(alongOwn, owns[r * lanes + lane], byOwn);
              byLast = fma(alongLast, lasts[r * lanes + lane], byLast);
              shares[outAt(part, at, r, lane)] = fma(weight, alongOwn, gX[r]);
              gX[r] = select(weightLast * alongLast, 0.0, kind == beginning);
            }
            for (var n = 0u; n < slice; n++) {
              tile[n * stride + lane] = g[n];
              g[n] = select(g[n] * decay, 0.0, kind == beginning);
            }
          }
          workgroupBarrier();
          for (var k = 0u; k < sums && kept; k++) {
            let i = lane + k * lanes;
            if (i < rank * slice) {
              var ofOwn = 0.0;
              var ofLast = 0.0;
              for (var c = 0u; c < dims.headDim; c++) {
                ofOwn = fma(owns[i / slice * lanes + c], tile[i % slice * stride + c], ofOwn);
                ofLast = fma(lasts[i / slice * lanes + c], tile[i % slice * stride + c], ofLast);
              }
              if (i % slice < entries) { shares[shareBAt(at, i / slice, origin + i % slice)] = fma(weight, ofOwn, gB[k]); }
              gB[k] = select(weightLast * ofLast, 0.0, kind == beginning);
            }
          }
          workgroupBarrier();
          outGrads[lane] = byDecay;
          owns[lane] = byLast;
          lasts[lane] = byOwn;
          workgroupBarrier();
          if (lane == 0 && kept) {
            var total = vec3f();
            for (var c = 0u; c < dims.headDim; c++) { total += vec3f(outGrads[c], owns[c], lasts[c]); }
            shares[scalarAt(part, at)] = total.x;
            shares[scalarAt(part, at) + 1] = total.y;
            shares[scalarAt(part, at) + 2] = total.z;
          }
        }
      }

      if (works) {
        for (var n = 0u; n < entries; n++) { carries[carryAt(unit, chunks, origin + n, lane)] = g[n]; }
        for (var r = 0u; r < rank; r++) { shares[startXAt(part, (unit * rank + r) * dims.headDim + lane)] = gX[r]; }
      }
      for (var k = 0u; k < sums; k++) {
        let i = lane + k * lanes;
        if (i < rank * slice && i % slice < entries) {
          work[gradBAt((unit * rank + i / slice) * dims.state + origin + i % slice)] = gB[k];
        }
      }
    }
  `,
};
