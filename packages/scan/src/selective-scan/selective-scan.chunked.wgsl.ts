import { defineKernel, exponential, softplus, wgsl } from "@elapid/webgpu";
import { forwardLayout, share, sharedElements, sliceOf, WORKGROUP } from "./selective-scan.layout.wgsl.ts";
import { selectiveScan } from "./selective-scan.ts";
import { carriedElements, scanVariant } from "./selective-scan.variant.ts";
import { walk } from "./selective-scan.walk.wgsl.ts";

type Dims = Readonly<Record<"batch" | "time" | "inner" | "state", number>>;

const chunkOf = (dims: Dims) => scanVariant(dims, Infinity).chunk;
const chunksOf = (dims: Dims) => Math.ceil(dims.time / chunkOf(dims));
const piecesOf = (dims: Dims) => dims.batch * chunksOf(dims) * dims.inner;
/** Borders whose numbers are on their way at the same time while states are carried over them. */
const AHEAD = 8;

/**
 * Two-level scan over time: the chunks of a channel are walked side by side, in three passes.
 *
 * 1. An invocation a channel and chunk: what the chunk adds to an empty state, and the sum of its step sizes.
 * 2. One a channel and entry of the state carries it over the borders, the decay of a chunk being
 *    `exp(A · sum of its step sizes)`, and writes `finalState`; the state before each chunk takes the place of what
 *    the chunk adds.
 * 3. The walk, an invocation a channel and chunk.
 *
 * States exist at the borders of chunks alone, never for each step. Nothing is shared between invocations, no barrier is
 * needed, the result is deterministic and has the bits of the sequential kernel. Work: two exponentials and four
 * multiply-adds for each `batch · time · inner · state`, twice what the sequential kernel does. An element costs 5 loads
 * and a store and, for the borders, `4 · state / chunk` more, 2 at state 16 and chunks of 32; 3 loads and a store are the
 * least possible. Suits long sequences of few channels.
 */
export const selectiveScanChunked = defineKernel(selectiveScan, {
  algorithm: "chunked",
  along: "batch",
  suits: (dims, { limits }) => scanVariant(dims, limits.bindingBytes).algorithm === "chunked",
  scratch: { carries: (dims) => carriedElements(dims, chunksOf(dims)) },
  passes: [
    {
      binds: ["u", "delta", "A", "B", "deltaBias", "mask", "carries"],
      workgroups: (dims) => Math.ceil(piecesOf(dims) / WORKGROUP),
      source: (dims) => wgsl`
        ${forwardLayout(chunkOf(dims), true)}
        ${exponential}
        ${softplus}
        const slice = ${sliceOf(dims.state)}u;

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
          var bias = 0.0;
          if (hasDeltaBias) { bias = deltaBias[e]; }
          for (var origin = 0u; origin < ${dims.state}; origin += slice) {
            var rates = array<f32, slice>();
            var added = array<f32, slice>();
            for (var n = 0u; n < slice; n++) { rates[n] = A[e * ${dims.state} + origin + n]; }
            var stepSum = 0.0;
            for (var t = first; t < min(first + chunk, dims.time); t++) {
              let row = b * dims.time + t;
              if (hasMask) {
                if (mask[row] == 0) { continue; }
              }
              let at = row * dims.inner + e;
              var d = delta[at];
              if (hasDeltaBias) { d += bias; }
              if (deltaSoftplus) { d = softplus(d); }
              let drive = d * u[at];
              stepSum += d;
              for (var n = 0u; n < slice; n++) {
                added[n] = fma(exponential(d * rates[n]), added[n], drive * B[row * ${dims.state} + origin + n]);
              }
            }
            for (var n = 0u; n < slice; n++) { carries[stateAt(b, border, origin + n, e)] = added[n]; }
            carries[stepSumAt(piece)] = stepSum;
          }
        }
      `,
    },
    {
      binds: ["A", "D", "deltaBias", "initialState", "mask", "finalState", "carries"],
      workgroups: (dims) => Math.ceil(Math.max(dims.batch * dims.inner * dims.state, sharedElements(dims)) / WORKGROUP),
      source: (dims) => wgsl`
        ${forwardLayout(chunkOf(dims), true)}
        ${share}
        ${exponential}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
          share(i);
          if (i >= dims.batch * dims.inner * dims.state) { return; }
          let e = i % dims.inner;
          let n = i / dims.inner % dims.state;
          let b = i / dims.inner / dims.state;
          let own = (b * dims.inner + e) * dims.state + n;
          let rate = A[e * dims.state + n];
          var h = 0.0;
          if (hasInitialState) { h = initialState[own]; }
          for (var begin = 0u; begin < borders(); begin += ${AHEAD}) {
            let count = min(${AHEAD}, borders() - begin);
            var added = array<f32, ${AHEAD}>();
            var stepSums = array<f32, ${AHEAD}>();
            for (var k = 0u; k < count; k++) {
              added[k] = carries[stateAt(b, begin + k, n, e)];
              stepSums[k] = carries[stepSumAt((b * borders() + begin + k) * dims.inner + e)];
            }
            for (var k = 0u; k < count; k++) {
              carries[stateAt(b, begin + k, n, e)] = h;
              h = fma(exponential(rate * stepSums[k]), h, added[k]);
            }
          }
          finalState[own] = h;
        }
      `,
    },
    {
      binds: ["u", "delta", "A", "B", "C", "z", "y", "carries"],
      workgroups: (dims) => Math.ceil(piecesOf(dims) / WORKGROUP),
      source: (dims) => walk(dims.state, chunkOf(dims), true),
    },
  ],
});
