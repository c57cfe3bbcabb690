import { defineKernel, reduce, softplus, wgsl } from "@elapid/webgpu";
import { siluSlope } from "../causal-conv1d/silu-slope.wgsl.ts";
import { backwardChunk, shareLayout } from "./ssd.backward.chunk.wgsl.ts";
import { ssdBackward } from "./ssd.backward.ts";
import {
  carriesOf,
  CHUNK,
  chunkStatesPass,
  EACH,
  groupsFor,
  layout,
  piecesOf,
  SIDE,
  stepsPass,
  tilesOf,
  WORKGROUP,
  type Sizes,
} from "./ssd.chunk.wgsl.ts";

const elementsOf = ({ batch, time, heads, headDim }: Sizes) => batch * time * heads * headDim;
const stepsOf = ({ batch, time, heads }: Sizes) => batch * time * heads;

/**
 * Gradient in chunks of 32 steps that are computed side by side:
 *
 * 1. `steps`, as forward; 2. the gradient before the gate, kept in `dz`;
 * 3. and 4. a workgroup for a chunk and 32 by 32 entries of a head's state: what the chunk adds to the state after it, and to
 *    the gradient by the state before it; 5. an invocation an entry carries both over the borders of chunks;
 * 6. a workgroup for a chunk of a head: the products of `ssd.backward.chunk.wgsl.ts`;
 * 7. to 11. skip and gate, and sums: over heads for `dB` and `dC`, over time and batch for the rest.
 *
 * Deterministic: every sum has an order that sizes alone decide. Multiply-adds: about `batch · time · heads ·
 * (7 · headDim · state + 32 · (3 · headDim + 3 · state))`. Scratch: `2 · state / 32` times `u` for states at the borders and
 * `1 + 2 · state / headDim` for shares. With state 128 and 64 channels an element costs 35 loads and 26 stores, of which
 * states are 16 and 16, shares 6 and 6, where `B` and `C` come from cache; 3 loads and 2 stores are the least possible.
 */
export const ssdBackwardKernel = defineKernel(ssdBackward, {
  suits: ({ state, headDim }) => state >= 1 && headDim >= 1,
  scratch: {
    steps: (dims) => 4 * stepsOf(dims) + dims.batch * dims.time + piecesOf(dims),
    carries: (dims) => 2 * carriesOf(dims),
    shares: (dims) => elementsOf(dims) + 2 * stepsOf(dims) * dims.state,
  },
  passes: [
    stepsPass,
    {
      binds: ["z", "mask", "dy", "dz"],
      workgroups: (dims) => groupsFor(elementsOf(dims)),
      source: () => wgsl`
        ${layout}
        ${siluSlope}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
          let inner = dims.heads * dims.headDim;
          if (i >= rows() * inner) { return; }
          var kept = true;
          if (hasMask) { kept = mask[i / inner] != 0; }
          var grad = 0.0;
          if (hasDy && kept) {
            grad = dy[i];
            if (hasZ) { grad *= z[i] * sigmoid(z[i]); }
          }
          dz[i] = grad;
        }
      `,
    },
    chunkStatesPass,
    {
      binds: ["C", "dz", "steps", "carries"],
      workgroups: (dims) => piecesOf(dims) * tilesOf(dims.headDim) * tilesOf(dims.state),
      moves: (dims) => ({ steps: dims.batch * dims.time * (dims.heads + 1), carries: carriesOf(dims) }),
      source: () => wgsl`
        ${layout}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let across = (dims.state + ${CHUNK - 1}) / ${CHUNK};
          let tiles = (dims.headDim + ${CHUNK - 1}) / ${CHUNK} * across;
          let index = groupIndex(group, groups);
          if (index >= pieces() * tiles) { return; }
          let piece = pieceAt(index / tiles);
          let p = index % tiles / across * ${CHUNK} + lane / ${SIDE};
          let n = index % across * ${CHUNK} + lane % ${SIDE};
          var sums = array<f32, ${EACH * EACH}>();
          var weight = 1.0;
          for (var t = 0u; t < piece.length; t++) {
            if (steps[keptAt(piece.first + t)] == 0.0) { continue; }
            weight = through(weight, steps[decayAt(stepOf(piece, t))]);
            if (!passes(weight)) { break; }
            for (var i = 0u; i < ${EACH}; i++) {
              let grad = weight * dz[channelsAt(piece, t) + min(p + i * ${SIDE}, dims.headDim - 1)];
              for (var j = 0u; j < ${EACH}; j++) {
                let c = C[vectorAt(piece, t) + min(n + j * ${SIDE}, dims.state - 1)];
                sums[i * ${EACH} + j] = fma(grad, c, sums[i * ${EACH} + j]);
              }
            }
          }
          for (var i = 0u; i < ${EACH}; i++) {
            for (var j = 0u; j < ${EACH}; j++) {
              let channel = p + i * ${SIDE};
              let entry = n + j * ${SIDE};
              if (channel < dims.headDim && entry < dims.state) {
                carries[gradAt(piece.index) + channel * dims.state + entry] = sums[i * ${EACH} + j];
              }
            }
          }
        }
      `,
    },
    {
      binds: ["initialState", "dfinalState", "dinitialState", "steps", "carries"],
      workgroups: ({ batch, heads, headDim, state }) => groupsFor(batch * heads * headDim * state),
      moves: (dims) => ({ steps: 2 * piecesOf(dims), carries: 4 * carriesOf(dims) }),
      source: () => wgsl`
        ${layout}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
          let size = dims.headDim * dims.state;
          if (i >= dims.batch * dims.heads * size) { return; }
          let head = i / size % dims.heads;
          let b = i / size / dims.heads;
          var h = 0.0;
          if (hasInitialState) { h = initialState[i]; }
          for (var chunk = 0u; chunk < chunks(); chunk++) {
            let piece = (b * chunks() + chunk) * dims.heads + head;
            let place = stateAt(piece) + i % size;
            let added = carries[place];
            carries[place] = h;
            h = added + through(h, steps[totalAt(piece)]);
          }
          var g = 0.0;
          if (hasDfinalState) { g = dfinalState[i]; }
          for (var chunk = chunks(); chunk > 0; chunk--) {
            let piece = (b * chunks() + chunk - 1) * dims.heads + head;
            let place = gradAt(piece) + i % size;
            let added = carries[place];
            carries[place] = g;
            g = added + through(g, steps[totalAt(piece)]);
          }
          dinitialState[i] = g;
        }
      `,
    },
    {
      binds: ["u", "B", "C", "du", "dz", "steps", "carries", "shares"],
      workgroups: piecesOf,
      source: () => backwardChunk,
    },
    {
      binds: ["u", "D", "channelD", "mask", "du", "dz", "shares"],
      workgroups: (dims) => groupsFor(elementsOf(dims)),
      moves: (dims, { given }) => ({
        u: given.has("z") ? elementsOf(dims) : 0,
        du: 2 * elementsOf(dims),
        shares: given.has("z") ? 2 * elementsOf(dims) : 0,
      }),
      source: () => wgsl`
        ${layout}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
          let inner = dims.heads * dims.headDim;
          if (i >= rows() * inner) { return; }
          if (hasMask) {
            if (mask[i / inner] == 0) { return; }
          }
          var skip = 0.0;
          if (hasD) { skip = D[i % inner / dims.headDim]; }
          if (hasChannelD) { skip += channelD[i % inner]; }
          du[i] = fma(dz[i], skip, du[i]);
          if (hasZ) { shares[i] = fma(u[i], skip, shares[i]); }
        }
      `,
    },
    {
      binds: ["u", "mask", "dz", "dchannelD"],
      workgroups: ({ heads, headDim }) => groupsFor(heads * headDim),
      source: () => wgsl`
        ${layout}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let channel = groupIndex(group, groups) * ${WORKGROUP} + lane;
          let inner = dims.heads * dims.headDim;
          if (channel >= inner) { return; }
          var total = 0.0;
          for (var first = 0u; first < rows(); first += ${CHUNK}) {
            var sum = 0.0;
            for (var row = first; row < min(first + ${CHUNK}, rows()); row++) {
              if (hasMask) {
                if (mask[row] == 0) { continue; }
              }
              sum = fma(dz[row * inner + channel], u[row * inner + channel], sum);
            }
            total += sum;
          }
          dchannelD[channel] = total;
        }
      `,
    },
    {
      binds: ["z", "mask", "dy", "dz", "shares"],
      workgroups: (dims) => groupsFor(elementsOf(dims)),
      moves: (dims, { given }) => {
        const gated = given.has("z") ? elementsOf(dims) : 0;
        return { dy: gated, shares: gated };
      },
      source: () => wgsl`
        ${layout}
        ${siluSlope}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
          let inner = dims.heads * dims.headDim;
          if (i >= rows() * inner) { return; }
          var kept = hasZ && hasDy;
          if (hasMask) { kept = kept && mask[i / inner] != 0; }
          var grad = 0.0;
          if (kept) { grad = dy[i] * shares[i] * siluSlope(z[i]); }
          dz[i] = grad;
        }
      `,
    },
    {
      binds: ["dB", "dC", "shares"],
      workgroups: ({ batch, time, groups, state }) => groupsFor(batch * time * groups * state),
      moves: (dims) => ({ shares: 2 * stepsOf(dims) * dims.state }),
      source: () => wgsl`
        ${layout}
        ${shareLayout}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
          if (i >= rows() * dims.groups * dims.state) { return; }
          let each = dims.heads / dims.groups;
          var sumB = 0.0;
          var sumC = 0.0;
          for (var k = 0u; k < each; k++) {
            let at = i / dims.state * each + k; // heads of a group lie side by side
            sumB += shares[shareOfBAt(at) + i % dims.state];
            sumC += shares[shareOfCAt(at) + i % dims.state];
          }
          dB[i] = sumB;
          dC[i] = sumC;
        }
      `,
    },
    {
      binds: ["delta", "A", "deltaBias", "mask", "ddelta", "dlogDecay", "steps"],
      workgroups: (dims) => groupsFor(stepsOf(dims)),
      moves: (dims) => ({ steps: 2 * stepsOf(dims) }),
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
          if (i >= rows() * dims.heads) { return; }
          let head = i % dims.heads;
          var kept = true;
          if (hasMask) { kept = mask[i / dims.heads] != 0; }
          var byExponent = 0.0;
          var byDelta = 0.0;
          if (kept) {
            var d = delta[i];
            if (hasDeltaBias) { d += deltaBias[head]; }
            var slope = 1.0;
            if (deltaSoftplus) {
              slope = sigmoid(d);
              d = softplus(d);
            }
            slope = select(slope, 0.0, d < dims.deltaMin || d > dims.deltaMax);
            byExponent = steps[exponentAt(i)];
            byDelta = fma(byExponent, A[head], steps[driveAt(i)]) * slope;
          }
          dlogDecay[i] = byExponent;
          ddelta[i] = byDelta;
        }
      `,
    },
    {
      binds: ["dA", "dD", "dchannelD", "ddeltaBias", "ddelta", "dlogDecay", "steps"],
      workgroups: ({ heads }) => heads,
      moves: (dims) => ({ steps: stepsOf(dims) + dims.batch * dims.time }),
      source: () => wgsl`
        ${layout}
        ${reduce(WORKGROUP)}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let head = groupIndex(group, groups);
          if (head >= dims.heads) { return; }
          var rate = 0.0;
          var bias = 0.0;
          var skip = 0.0;
          for (var row = lane; row < rows(); row += ${WORKGROUP}) {
            let at = row * dims.heads + head;
            if (steps[keptAt(row)] != 0.0) { rate = fma(dlogDecay[at], steps[at], rate); }
            bias += ddelta[at];
          }
          for (var p = lane; p < dims.headDim; p += ${WORKGROUP}) { skip += dchannelD[head * dims.headDim + p]; }
          let rates = sumOf(rate, lane);
          let biases = sumOf(bias, lane);
          let skips = sumOf(skip, lane);
          if (lane == 0) {
            dA[head] = rates;
            ddeltaBias[head] = biases;
            dD[head] = skips;
          }
        }
      `,
    },
  ],
});
