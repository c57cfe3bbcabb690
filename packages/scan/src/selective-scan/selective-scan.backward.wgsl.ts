import { defineKernel, softplus, wgsl, type KernelDefinition } from "@elapid/webgpu";
import { siluSlope } from "../causal-conv1d/silu-slope.wgsl.ts";
import { backwardCarry, backwardChunkAlone } from "./selective-scan.backward.borders.wgsl.ts";
import { backwardChunk } from "./selective-scan.backward.chunk.wgsl.ts";
import { realEntry, type Entry } from "./entry.wgsl.ts";
import { CHUNK, formOf, isCovered, layout } from "./selective-scan.backward.layout.wgsl.ts";
import { selectiveScanBackward } from "./selective-scan.backward.ts";
import { WORKGROUP, type KernelDims } from "./selective-scan.layout.wgsl.ts";
import { backwardTraffic } from "./selective-scan.backward.traffic.ts";
import { stepKind } from "./step-kind.wgsl.ts";

const chunksOf = (time: number) => Math.ceil(time / CHUNK);
const elementsOf = ({ batch, time, inner }: KernelDims) => batch * time * inner;
/** One for each channel and chunk. */
const piecesOf = ({ batch, time, inner }: KernelDims) => batch * chunksOf(time) * inner;
const groupsFor = (invocations: number) => Math.ceil(invocations / WORKGROUP);

/**
 * Reverse scan, cut into chunks of 32 steps that are computed side by side:
 *
 * 1. an invocation a step: of which kind it is;
 * 2. one an element: step size, gradient before the gate, slopes of softplus and gate;
 * 3. one a channel and chunk: what the chunk adds to the state after it, and to the gradient of the state before it;
 * 4. one a channel and entry of the state: carries both over the borders of chunks, the decay of a chunk being
 *    `exp(A · sum of its step sizes)`;
 * 5. a workgroup for 64 channels and a chunk, a lane a channel: up to 16 numbers of the state at a time are computed again,
 *    step by step, into 2 KiB of the lane's own, then walked back; sums over the channels, for `dB` and `dC`, are taken in
 *    8 KiB that the workgroup shares, one after another by a lane each;
 * 6. one a channel and chunk: skip, gate and slopes, and the chunk's shares of `dD` and `ddeltaBias`;
 * 7. and 8. add up shares, over blocks of channels for `dB` and `dC`, over chunks and batch for the rest, and for a `B` or `C`
 *    that each channel has for itself.
 *
 * Deterministic: every sum has an order that sizes alone decide. Work: 3 exponentials and some 20 multiply-adds for each
 * `batch · time · inner · state`. Scratch: `3 + 3 · state / 32` times `u`, 4.5 at state 16. There an element costs 19 loads and
 * 13 stores, if what a chunk reads again, `B` and `C` come from cache; 4 loads and 3 stores are the least possible. Suits any
 * state, best a multiple of 16; a call whose `steps` outgrow one binding, 128 MiB, is none for it.
 */
export function backwardScan(entry: Entry): KernelDefinition<KernelDims, object> {
  const { parts } = entry;
  /** Shares of `B` and of `C`, where channels share them. */
  const sharedElements = (dims: KernelDims) => {
    const { ownB, ownC, blocks } = formOf(dims, entry);
    return (Number(!ownB) + Number(!ownC)) * blocks * dims.batch * dims.time * parts * dims.state;
  };
  return {
    suits: (dims) => dims.state >= 1 && isCovered(dims),
    traffic: (dims, { given }) => backwardTraffic(dims, given, entry, chunksOf(dims.time)),
    scratch: {
      steps: (dims) => 2 * elementsOf(dims) + dims.batch * dims.time,
      carries: (dims) =>
        piecesOf(dims) * ((formOf(dims, entry).ownC ? 3 : 2) * parts * dims.state + 1) +
        dims.batch * chunksOf(dims.time),
      shares: (dims) => elementsOf(dims) + sharedElements(dims) + 2 * piecesOf(dims),
    },
    passes: [
      {
        binds: ["mask", "seqIdx", "steps"],
        workgroups: ({ batch, time }) => groupsFor(batch * time),
        source: (dims) => wgsl`
        ${layout(formOf(dims, entry))}
        ${stepKind}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let row = groupIndex(group, groups) * ${WORKGROUP} + lane;
          if (row < rows()) { steps[kindAt(row)] = stepKind(row); }
        }
      `,
      },
      {
        binds: ["delta", "z", "deltaBias", "dy", "ddelta", "dz", "steps"],
        workgroups: (dims) => groupsFor(elementsOf(dims)),
        source: (dims) => wgsl`
        ${layout(formOf(dims, entry))}
        ${softplus}
        ${siluSlope}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
          if (i >= elements()) { return; }
          let e = i % dims.inner;
          var d = 0.0;
          var slope = 0.0;
          var grad = 0.0;
          var gateGrad = 0.0;
          if (steps[kindAt(i / dims.inner)] != padding) {
            d = delta[i];
            slope = 1.0;
            if (hasDeltaBias) { d += deltaBias[e]; }
            if (deltaSoftplus) {
              slope = sigmoid(d);
              d = softplus(d);
            }
            if (hasDy) { grad = dy[i]; }
            if (hasZ) {
              gateGrad = grad * siluSlope(z[i]);
              grad *= z[i] * sigmoid(z[i]);
            }
          }
          steps[i] = d;
          steps[gradAt(i)] = grad;
          ddelta[i] = slope;
          dz[i] = gateGrad;
        }
      `,
      },
      {
        binds: ["u", "A", "B", "C", "steps", "carries"],
        workgroups: (dims) => groupsFor(piecesOf(dims)),
        source: (dims) => backwardChunkAlone(dims.state, formOf(dims, entry)),
      },
      {
        binds: ["A", "initialState", "dfinalState", "dinitialState", "carries"],
        workgroups: ({ batch, inner, state }) => groupsFor(batch * inner * state),
        source: (dims) => backwardCarry(formOf(dims, entry)),
      },
      {
        binds: ["u", "A", "B", "C", "du", "steps", "carries", "shares"],
        workgroups: (dims) => dims.batch * chunksOf(dims.time) * formOf(dims, entry).blocks,
        source: (dims) => backwardChunk(dims.state, formOf(dims, entry)),
      },
      {
        binds: ["u", "D", "du", "ddelta", "dz", "steps", "shares"],
        workgroups: (dims) => groupsFor(piecesOf(dims)),
        source: (dims) => wgsl`
        ${layout(formOf(dims, entry))}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
          if (i >= pieces()) { return; }
          let piece = pieceAt(i);
          var skip = 0.0;
          if (hasD) { skip = D[piece.e]; }
          var skipShare = 0.0;
          var biasShare = 0.0;
          for (var t = piece.first; t < piece.end; t++) {
            let row = piece.b * dims.time + t;
            if (steps[kindAt(row)] == padding) { continue; }
            let at = row * dims.inner + piece.e;
            let grad = steps[gradAt(at)];
            let stepGrad = steps[at] * ddelta[at];
            ddelta[at] = stepGrad;
            biasShare += stepGrad;
            skipShare = fma(grad, u[at], skipShare);
            if (hasD) { du[at] = fma(grad, skip, du[at]); }
            if (hasZ) { dz[at] *= select(shares[at], fma(skip, u[at], shares[at]), hasD); }
          }
          shares[shareOfDAt(i)] = skipShare;
          shares[shareOfBiasAt(i)] = biasShare;
        }
      `,
      },
      {
        binds: ["dB", "dC", "shares"],
        workgroups: ({ batch, time, groupsB, groupsC, state }) =>
          groupsFor(batch * time * Math.max(groupsB, groupsC) * parts * state),
        source: (dims) => wgsl`
        ${layout(formOf(dims, entry))}
        /** Number i of a gradient that groups share: which of the numbers of a row it is, and of which row and blocks. */
        struct Share { number: u32, row: u32, first: u32, end: u32 }
        fn shareAt(i: u32, groups: u32) -> Share {
          let numbers = parts * dims.state;
          let group = i / numbers % groups;
          return Share(i % numbers, i / numbers / groups, group * (blocks / groups), (group + 1) * (blocks / groups));
        }

        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
          if (!ownB && i < rows() * dims.groupsB * parts * dims.state) {
            let share = shareAt(i, dims.groupsB);
            var sum = 0.0;
            for (var k = share.first; k < share.end; k++) { sum += shares[shareOfBAt(k, share.row, 0) + share.number]; }
            dB[i] = sum;
          }
          if (!ownC && i < rows() * dims.groupsC * parts * dims.state) {
            let share = shareAt(i, dims.groupsC);
            var sum = 0.0;
            for (var k = share.first; k < share.end; k++) { sum += shares[shareOfCAt(k, share.row, 0) + share.number]; }
            dC[i] = sum;
          }
        }
      `,
      },
      {
        binds: ["dA", "dB", "dC", "dD", "ddeltaBias", "carries", "shares"],
        workgroups: ({ inner, state }) => groupsFor(inner * (parts * state + 2)),
        source: (dims) => wgsl`
        ${layout(formOf(dims, entry))}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
          let e = i % dims.inner;
          let number = i / dims.inner;
          let numbers = parts * dims.state;
          var sum = 0.0;
          var sumB = 0.0;
          var sumC = 0.0;
          for (var chunk = 0u; chunk < dims.batch * chunks(); chunk++) { // of all sequences
            let piece = chunk * dims.inner + e;
            if (number < numbers) {
              let place = stateAt(0, chunk, number / parts, e) + number % parts;
              sum += carries[place];
              if (ownB) { sumB += carries[carryAt(place)]; }
              if (ownC) { sumC += carries[ownShareOfCAt(place)]; }
            } else if (number == numbers) {
              sum += shares[shareOfDAt(piece)];
            } else {
              sum += shares[shareOfBiasAt(piece)];
            }
          }
          if (number < numbers) {
            dA[e * numbers + number] = sum;
            if (ownB) { dB[e * numbers + number] = sumB; }
            if (ownC) { dC[e * numbers + number] = sumC; }
          } else if (number == numbers) {
            dD[e] = sum;
          } else if (number == numbers + 1) {
            ddeltaBias[e] = sum;
          }
        }
      `,
      },
    ],
  };
}

export const selectiveScanBackwardKernel = defineKernel(selectiveScanBackward, backwardScan(realEntry));
