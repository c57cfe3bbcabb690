import { defineKernel, exponential, softplus, wgsl } from "@elapid/webgpu";
import { siluSlope } from "../causal-conv1d/silu-slope.wgsl.ts";
import { backwardChunk } from "./selective-scan.backward.chunk.wgsl.ts";
import { CHUNK, layout, sliceOf, WORKGROUP } from "./selective-scan.backward.layout.wgsl.ts";
import { selectiveScanBackward } from "./selective-scan.backward.ts";
import { isSharedByChannels } from "./shared-rows.ts";
import { stepKind } from "./step-kind.wgsl.ts";

type Dims = Readonly<Record<"batch" | "time" | "inner" | "state", number>>;

const chunksOf = (time: number) => Math.ceil(time / CHUNK);
const elementsOf = ({ batch, time, inner }: Dims) => batch * time * inner;
/** One for each channel and chunk. */
const piecesOf = ({ batch, time, inner }: Dims) => batch * chunksOf(time) * inner;
const blocksOf = ({ inner }: Dims) => Math.ceil(inner / WORKGROUP);
const groupsFor = (invocations: number) => Math.ceil(invocations / WORKGROUP);

/**
 * Reverse scan, cut into chunks of 32 steps that are computed side by side:
 *
 * 1. and 2. an invocation a chunk: the kinds of its steps; an invocation an element: step size, gradient before the gate, slopes of softplus and gate;
 * 3. one a channel and chunk: what the chunk adds to the state after it, and to the gradient of the state before it;
 * 4. one a channel and entry of the state: carries both over the borders of chunks, the decay of a chunk being
 *    `exp(A · sum of its step sizes)`;
 * 5. a workgroup for 64 channels and a chunk, a lane a channel: up to 16 states at a time are computed again, step by step,
 *    into 2 KiB of the lane's own, then walked back; sums over the channels, for `dB` and `dC`, are taken in 8 KiB that the
 *    workgroup shares, one after another by a lane each;
 * 6. one a channel and chunk: skip, gate and slopes, and the chunk's shares of `dD` and `ddeltaBias`;
 * 7. and 8. add up shares, over blocks of channels for `dB` and `dC`, over chunks and batch for the rest.
 *
 * Deterministic: every sum has an order that sizes alone decide. Work: 3 exponentials and some 20 multiply-adds for each
 * `batch · time · inner · state`. Scratch: `3 + 3 · state / 32` times `u`, 4.5 at state 16. There an element costs 19 loads and
 * 13 stores, if what a chunk reads again, `B` and `C` come from cache; 4 loads and 3 stores are the least possible. Suits any
 * state, best a multiple of 16; a call whose `steps` outgrow one binding, 128 MiB, is none for it.
 */
export const selectiveScanBackwardKernel = defineKernel(selectiveScanBackward, {
  suits: (dims) => dims.state >= 1 && isSharedByChannels(dims),
  scratch: {
    steps: (dims) => 2 * elementsOf(dims) + dims.batch * (dims.time + chunksOf(dims.time)),
    carries: (dims) => piecesOf(dims) * (2 * dims.state + 1),
    shares: (dims) => elementsOf(dims) + 2 * blocksOf(dims) * dims.batch * dims.time * dims.state + 2 * piecesOf(dims),
  },
  passes: [
    {
      binds: ["mask", "seqIdx", "steps"],
      workgroups: ({ batch, time }) => groupsFor(batch * chunksOf(time)),
      source: () => wgsl`
        ${layout}
        ${stepKind}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
          if (i >= dims.batch * chunks()) { return; }
          let b = i / chunks();
          let first = i % chunks() * ${CHUNK};
          var begins = 0.0;
          for (var t = first; t < min(first + ${CHUNK}, dims.time); t++) {
            let kind = stepKind(b * dims.time + t);
            if (kind == beginning) { begins = 1.0; }
            steps[kindAt(b * dims.time + t)] = kind;
          }
          steps[beginsAt(b, i % chunks())] = begins;
        }
      `,
    },
    {
      binds: ["delta", "z", "deltaBias", "dy", "ddelta", "dz", "steps"],
      workgroups: (dims) => groupsFor(elementsOf(dims)),
      source: () => wgsl`
        ${layout}
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
          let row = i / dims.inner;
          let e = i % dims.inner;
          var d = 0.0;
          var slope = 0.0;
          var grad = 0.0;
          var gateGrad = 0.0;
          if (steps[kindAt(row)] != padding) {
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
      source: ({ state }) => wgsl`
        ${layout}
        ${exponential}
        const slice = ${sliceOf(state)}u;

        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
          if (i >= pieces()) { return; }
          let piece = pieceAt(i);
          for (var origin = 0u; origin < ${state}; origin += slice) {
            var rates = array<f32, slice>();
            var h = array<f32, slice>();
            var g = array<f32, slice>();
            var decay = array<f32, slice>(); // from the start of the chunk
            for (var n = 0u; n < slice; n++) {
              rates[n] = A[piece.e * ${state} + origin + n];
              decay[n] = 1.0;
            }
            var stepSum = 0.0;
            for (var t = piece.first; t < piece.end; t++) {
              let row = piece.b * dims.time + t;
              let kind = steps[kindAt(row)];
              if (kind == padding) { continue; }
              if (kind == beginning) {
                h = array<f32, slice>();
                decay = array<f32, slice>();
              }
              let at = row * dims.inner + piece.e;
              let d = steps[at];
              let drive = d * u[at];
              let grad = steps[gradAt(at)];
              stepSum += d;
              for (var n = 0u; n < slice; n++) {
                let a = exponential(d * rates[n]);
                h[n] = fma(a, h[n], drive * B[row * ${state} + origin + n]);
                decay[n] *= a;
                g[n] = fma(decay[n], grad * C[row * ${state} + origin + n], g[n]);
              }
            }
            for (var n = 0u; n < slice; n++) {
              let place = stateAt(piece.b, piece.chunk, origin + n, piece.e);
              carries[place] = h[n];
              carries[carryAt(place)] = g[n];
            }
            carries[stepSumAt(i)] = stepSum;
          }
        }
      `,
    },
    {
      binds: ["A", "initialState", "dfinalState", "dinitialState", "steps", "carries"],
      workgroups: ({ batch, inner, state }) => groupsFor(batch * inner * state),
      source: () => wgsl`
        ${layout}
        ${exponential}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
          if (i >= dims.batch * dims.inner * dims.state) { return; }
          let e = i % dims.inner;
          let n = i / dims.inner % dims.state;
          let b = i / dims.inner / dims.state;
          let own = (b * dims.inner + e) * dims.state + n;
          let rate = A[e * dims.state + n];

          var h = 0.0;
          if (hasInitialState) { h = initialState[own]; }
          for (var chunk = 0u; chunk < chunks(); chunk++) {
            let place = stateAt(b, chunk, n, e);
            let added = carries[place];
            carries[place] = h;
            if (steps[beginsAt(b, chunk)] != 0.0) { h = 0.0; }
            h = fma(exponential(rate * carries[stepSumAt((b * chunks() + chunk) * dims.inner + e)]), h, added);
          }

          var g = 0.0;
          if (hasDfinalState) { g = dfinalState[own]; }
          for (var chunk = chunks(); chunk > 0; chunk--) {
            let place = carryAt(stateAt(b, chunk - 1, n, e));
            let added = carries[place];
            carries[place] = g;
            if (steps[beginsAt(b, chunk - 1)] != 0.0) { g = 0.0; }
            g = fma(exponential(rate * carries[stepSumAt((b * chunks() + chunk - 1) * dims.inner + e)]), g, added);
          }
          dinitialState[own] = g;
        }
      `,
    },
    {
      binds: ["u", "A", "B", "C", "du", "steps", "carries", "shares"],
      workgroups: (dims) => dims.batch * chunksOf(dims.time) * blocksOf(dims),
      source: ({ state }) => backwardChunk(state),
    },
    {
      binds: ["u", "D", "du", "ddelta", "dz", "steps", "shares"],
      workgroups: (dims) => groupsFor(piecesOf(dims)),
      source: () => wgsl`
        ${layout}
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
      workgroups: ({ batch, time, state }) => groupsFor(batch * time * state),
      source: () => wgsl`
        ${layout}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
          if (i >= rows() * dims.state) { return; }
          var sumB = 0.0;
          var sumC = 0.0;
          for (var block = 0u; block < blocks(); block++) {
            sumB += shares[shareOfBAt(block, 0, i)];
            sumC += shares[shareOfCAt(block, 0, i)];
          }
          dB[i] = sumB;
          dC[i] = sumC;
        }
      `,
    },
    {
      binds: ["dA", "dD", "ddeltaBias", "carries", "shares"],
      workgroups: ({ inner, state }) => groupsFor(inner * (state + 2)),
      source: () => wgsl`
        ${layout}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
          let e = i % dims.inner;
          let n = i / dims.inner;
          var sum = 0.0;
          for (var chunk = 0u; chunk < dims.batch * chunks(); chunk++) { // of all sequences
            let piece = chunk * dims.inner + e;
            if (n < dims.state) {
              sum += carries[stateAt(0, chunk, n, e)];
            } else if (n == dims.state) {
              sum += shares[shareOfDAt(piece)];
            } else {
              sum += shares[shareOfBiasAt(piece)];
            }
          }
          if (n < dims.state) {
            dA[e * dims.state + n] = sum;
          } else if (n == dims.state) {
            dD[e] = sum;
          } else if (n == dims.state + 1) {
            ddeltaBias[e] = sum;
          }
        }
      `,
    },
  ],
});
