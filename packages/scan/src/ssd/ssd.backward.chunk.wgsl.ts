import { wgsl } from "@elapid/webgpu";
import { CHUNK, EACH, inside, PITCH, SIDE, WORKGROUP } from "./ssd.chunk.wgsl.ts";

/**
 * What lies where in `shares`: outputs before skip and gate; then, of each head, what it adds to `B` and to `C`.
 */
export const shareLayout = wgsl`
fn elements() -> u32 { return dims.batch * dims.time * dims.heads * dims.headDim; }
fn shareOfBAt(at: u32) -> u32 { return elements() + at * dims.state; }
fn shareOfCAt(at: u32) -> u32 { return shareOfBAt(dims.batch * dims.time * dims.heads + at); }`;

/**
 * The pass of the backward kernel that has the matrices: a workgroup for a chunk of a head. `within` is `C Bᵀ ∘ L`, `grads` is
 * its gradient times `L`, `flows` the product of both: what passes through a pair of steps, whose sums are the gradients of
 * decays. 15.2 KiB of workgroup memory. The gradient of the output before the gate is at `dz`.
 */
export const backwardChunk = wgsl`
  ${inside}
  ${shareLayout}
  var<workgroup> grads: array<f32, ${CHUNK * PITCH}>;
  var<workgroup> flows: array<f32, ${CHUNK * PITCH}>;
  var<workgroup> parts: array<f32, ${2 * CHUNK * SIDE}>;
  var<workgroup> sinceFlow: array<f32, ${CHUNK}>; // through the state before the chunk, by the step it flows to
  var<workgroup> toFlow: array<f32, ${CHUNK}>; // through the state after the chunk, by the step it comes from

  fn sumOfParts(line: u32) -> f32 {
    var sum = 0.0;
    for (var k = 0u; k < ${SIDE}; k++) { sum += parts[line * ${SIDE} + k]; }
    return sum;
  }

  /** Products of 4 by 4 gradients of outputs and inputs. */
  fn gradScores(piece: Piece, row: u32, column: u32) -> array<f32, ${EACH * EACH}> {
    var sums = array<f32, ${EACH * EACH}>();
    for (var p = 0u; p < dims.headDim; p++) {
      for (var i = 0u; i < ${EACH}; i++) {
        let grad = dz[channelsAt(piece, row + i * ${SIDE}) + p];
        for (var j = 0u; j < ${EACH}; j++) {
          let input = u[channelsAt(piece, column + j * ${SIDE}) + p];
          sums[i * ${EACH} + j] = fma(grad, input, sums[i * ${EACH} + j]);
        }
      }
    }
    return sums;
  }

  /** Gradients by 4 by 4 inputs, and what of them came through the state after the chunk. */
  fn inputGrads(piece: Piece, row: u32, p: u32) -> array<f32, ${2 * EACH * EACH}> {
    var sums = array<f32, ${2 * EACH * EACH}>();
    for (var n = 0u; n < dims.state; n++) {
      for (var j = 0u; j < ${EACH}; j++) {
        let channel = min(p + j * ${SIDE}, dims.headDim - 1);
        let g = carries[gradAt(piece.index) + channel * dims.state + n];
        for (var i = 0u; i < ${EACH}; i++) {
          let at = (${EACH} + i) * ${EACH} + j;
          sums[at] = fma(B[vectorAt(piece, row + i * ${SIDE}) + n], g, sums[at]);
        }
      }
    }
    for (var at = 0u; at < ${EACH * EACH}; at++) {
      sums[${EACH * EACH} + at] = weighted(to[row + at / ${EACH} * ${SIDE}], sums[${EACH * EACH} + at]);
      sums[at] = sums[${EACH * EACH} + at];
    }
    for (var t = 0u; t < piece.length; t++) {
      for (var i = 0u; i < ${EACH}; i++) {
        let weight = within[t * ${PITCH} + row + i * ${SIDE}];
        if (!passes(weight)) { continue; }
        for (var j = 0u; j < ${EACH}; j++) {
          let channel = min(p + j * ${SIDE}, dims.headDim - 1);
          sums[i * ${EACH} + j] = fma(weight, dz[channelsAt(piece, t) + channel], sums[i * ${EACH} + j]);
        }
      }
    }
    return sums;
  }

  @compute @workgroup_size(${WORKGROUP})
  fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
  ) {
    let index = groupIndex(group, groups);
    if (index >= pieces()) { return; }
    let piece = pieceAt(index);
    let row = lane / ${SIDE};
    let column = lane % ${SIDE};

    weigh(piece, lane);
    workgroupBarrier();
    let products = scores(piece, row, column);
    let gradProducts = gradScores(piece, row, column);
    for (var i = 0u; i < ${EACH}; i++) {
      for (var j = 0u; j < ${EACH}; j++) {
        let s = column + j * ${SIDE};
        let at = (row + i * ${SIDE}) * ${PITCH} + s;
        var grad = 0.0;
        if (passes(within[at])) { grad = gradProducts[i * ${EACH} + j] * steps[stepOf(piece, s)]; }
        let weight = weighted(within[at], products[i * ${EACH} + j]);
        grads[at] = weighted(within[at], grad);
        flows[at] = weighted(weight, grad);
        within[at] = weight;
      }
    }
    workgroupBarrier();

    // by u and, through u, by step sizes; row counts the steps s
    var driveParts = array<f32, ${EACH}>();
    var flowParts = array<f32, ${EACH}>();
    for (var p = column; p < dims.headDim; p += ${CHUNK}) {
      let sums = inputGrads(piece, row, p);
      for (var i = 0u; i < ${EACH}; i++) {
        let s = row + i * ${SIDE};
        if (s >= piece.length) { continue; }
        let kept = steps[keptAt(piece.first + s)] != 0.0;
        for (var j = 0u; j < ${EACH}; j++) {
          let channel = p + j * ${SIDE};
          if (channel >= dims.headDim) { continue; }
          let at = channelsAt(piece, s) + channel;
          var grad = 0.0;
          if (kept) {
            grad = steps[stepOf(piece, s)] * sums[i * ${EACH} + j];
            driveParts[i] = fma(u[at], sums[i * ${EACH} + j], driveParts[i]);
            if (passes(to[s])) { flowParts[i] = fma(u[at], sums[(${EACH} + i) * ${EACH} + j], flowParts[i]); }
          }
          du[at] = grad;
        }
      }
    }
    for (var i = 0u; i < ${EACH}; i++) {
      parts[(row + i * ${SIDE}) * ${SIDE} + column] = driveParts[i];
      parts[(${CHUNK} + row + i * ${SIDE}) * ${SIDE} + column] = flowParts[i];
    }
    workgroupBarrier();
    if (lane < piece.length) {
      let at = stepOf(piece, lane);
      steps[driveAt(at)] = sumOfParts(lane);
      toFlow[lane] = weighted(sumOfParts(${CHUNK} + lane), steps[at]);
    }
    workgroupBarrier();

    // by C, where row counts the steps t, and by B, where it counts the steps s
    var sinceParts = array<f32, ${EACH}>();
    var stateFlow = 0.0;
    for (var n = column; n < dims.state; n += ${CHUNK}) {
      var sumsC = array<f32, ${EACH * EACH}>();
      var sumsB = array<f32, ${EACH * EACH}>();
      for (var p = 0u; p < dims.headDim; p++) {
        for (var j = 0u; j < ${EACH}; j++) {
          let entry = p * dims.state + min(n + j * ${SIDE}, dims.state - 1);
          let h = carries[stateAt(piece.index) + entry];
          let g = carries[gradAt(piece.index) + entry];
          if (p % ${SIDE} == row && n + j * ${SIDE} < dims.state) { stateFlow = fma(h, g, stateFlow); }
          for (var i = 0u; i < ${EACH}; i++) {
            let at = channelsAt(piece, row + i * ${SIDE}) + p;
            sumsC[i * ${EACH} + j] = fma(dz[at], h, sumsC[i * ${EACH} + j]);
            sumsB[i * ${EACH} + j] = fma(u[at], g, sumsB[i * ${EACH} + j]);
          }
        }
      }
      for (var i = 0u; i < ${EACH}; i++) {
        let t = row + i * ${SIDE};
        if (t >= piece.length) { continue; }
        let at = stepOf(piece, t);
        for (var j = 0u; j < ${EACH}; j++) {
          let entry = n + j * ${SIDE};
          if (entry >= dims.state) { continue; }
          var sumC = weighted(since[t], sumsC[i * ${EACH} + j]);
          var sumB = weighted(to[t], sumsB[i * ${EACH} + j] * steps[at]);
          if (passes(since[t])) { sinceParts[i] = fma(C[vectorAt(piece, t) + entry], sumC, sinceParts[i]); }
          for (var s = 0u; s < piece.length; s++) {
            let vector = vectorAt(piece, s) + entry;
            let weightC = grads[t * ${PITCH} + s];
            let weightB = grads[s * ${PITCH} + t];
            if (passes(weightC)) { sumC = fma(weightC, B[vector], sumC); }
            if (passes(weightB)) { sumB = fma(weightB, C[vector], sumB); }
          }
          shares[shareOfCAt(at) + entry] = sumC;
          shares[shareOfBAt(at) + entry] = sumB;
        }
      }
    }
    for (var i = 0u; i < ${EACH}; i++) { parts[(row + i * ${SIDE}) * ${SIDE} + column] = sinceParts[i]; }
    parts[${CHUNK * SIDE} + lane] = stateFlow;
    // a row of flows becomes what flows to it from before each step
    if (lane < ${CHUNK}) {
      var sum = 0.0;
      for (var s = 0u; s < ${CHUNK}; s++) {
        let flow = flows[lane * ${PITCH} + s];
        flows[lane * ${PITCH} + s] = sum;
        sum += flow;
      }
    }
    workgroupBarrier();
    if (lane < ${CHUNK}) { sinceFlow[lane] = sumOfParts(lane); }
    workgroupBarrier();
    if (lane < piece.length) {
      var flow = 0.0;
      for (var k = 0u; k < ${SIDE}; k++) { flow += sumOfParts(${CHUNK} + k); }
      flow = weighted(steps[totalAt(index)], flow);
      for (var s = 0u; s < lane; s++) { flow += toFlow[s]; }
      for (var t = lane; t < piece.length; t++) { flow += flows[t * ${PITCH} + lane] + sinceFlow[t]; }
      steps[exponentAt(stepOf(piece, lane))] = flow;
    }
    if (hasZ) {
      for (var p = column; p < dims.headDim; p += ${CHUNK}) {
        let outs = output(piece, row, p);
        for (var i = 0u; i < ${EACH}; i++) {
          for (var j = 0u; j < ${EACH}; j++) {
            let t = row + i * ${SIDE};
            let channel = p + j * ${SIDE};
            if (t < piece.length && channel < dims.headDim) {
              shares[channelsAt(piece, t) + channel] = outs[i * ${EACH} + j];
            }
          }
        }
      }
    }
  }
`;
