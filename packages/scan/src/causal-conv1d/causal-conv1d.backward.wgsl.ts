import { defineKernel, groupIndex, wgsl } from "@elapid/webgpu";
import { causalConv1dBackward } from "./causal-conv1d.backward.ts";
import { siluSlope } from "./silu-slope.wgsl.ts";
import { windows } from "./window.wgsl.ts";

const WORKGROUP = 64;
/** Steps that an invocation walks. */
const CHUNK = 32;

const chunksOf = (time: number) => Math.ceil(time / CHUNK);
/** What a pass reads once more because the windows at the borders of chunks reach over them. */
const atBorders = ({ batch, time, inner, width }: Sizes) =>
  batch * Math.max(chunksOf(time) - 1, 0) * inner * (width - 1);
const sharesOf = ({ batch, time, inner, width }: Sizes) => batch * chunksOf(time) * inner * (width + 1);

interface Sizes {
  readonly batch: number;
  readonly time: number;
  readonly inner: number;
  readonly width: number;
}

/**
 * Three passes; in the first two an invocation owns one channel in a chunk of 32 steps:
 *
 * 1. forward: finds the inputs before the chunk, padding passed over, computes every sum anew and leaves its gradient
 *    `ds`, and the chunk's share of `weight` and `bias`, in scratch;
 * 2. backward: finds the `ds` after the chunk and adds up what each input gets; the first chunk goes on into the state;
 * 3. one invocation an element of `weight` and `bias`: adds the shares, batch by batch and chunk by chunk.
 *
 * Nothing is shared, no barrier is needed, the result is deterministic. Work `3 · batch · time · inner · width`. An element
 * costs 3 loads (x, dy, ds) and 2 stores (ds, dx), 20 bytes, beside `2 · (width - 1) / 32` loads at the borders of chunks
 * and `(width + 1) / 32` of either for the shares; the least possible is 2 loads and 1 store, 12 bytes.
 */
export const causalConv1dBackwardKernel = defineKernel(causalConv1dBackward, {
  // ds, then the shares: one tensor, as a pass binds eight
  scratch: {
    sums: (dims) => dims.batch * dims.time * dims.inner + sharesOf(dims),
  },
  passes: [
    {
      binds: ["x", "weight", "bias", "initialState", "mask", "seqIdx", "dy", "sums"],
      workgroups: ({ batch, time, inner }) => Math.ceil((batch * chunksOf(time) * inner) / WORKGROUP),
      moves: (dims) => ({ x: dims.batch * dims.time * dims.inner + atBorders(dims) }),
      source: ({ width }, { attributes }) => wgsl`
        ${groupIndex}
        ${siluSlope}
        ${windows(width)}

        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
          let chunks = (dims.time + ${CHUNK - 1}) / ${CHUNK};
          if (i >= dims.batch * chunks * dims.inner) { return; }
          let e = i % dims.inner;
          let b = i / dims.inner / chunks;
          let first = i / dims.inner % chunks * ${CHUNK};

          var window = windowBefore(b, e, first);
          var taps = array<f32, ${width}>();
          for (var k = 0u; k <= past; k++) { taps[k] = weight[e * ${width} + k]; }
          var tapShares = array<f32, ${width}>();
          var biasShare = 0.0;
          for (var t = first; t < min(first + ${CHUNK}, dims.time); t++) {
            let row = b * dims.time + t;
            let at = row * dims.inner + e;
            if (hasMask) {
              if (mask[row] == 0) { continue; }
            }
            enter(&window, row, x[at]);
            if (hasDy) {
              var share = dy[at];
              if (${attributes.activation === "silu"}) {
                var sum = 0.0;
                if (hasBias) { sum = bias[e]; }
                for (var k = 0u; k <= past; k++) { sum = fma(taps[k], window.inputs[k], sum); }
                share *= siluSlope(sum);
              }
              for (var k = 0u; k <= past; k++) { tapShares[k] = fma(share, window.inputs[k], tapShares[k]); }
              biasShare += share;
              sums[at] = share;
            }
          }
          let shares = dims.batch * dims.time * dims.inner + i * ${width + 1};
          for (var k = 0u; k <= past; k++) { sums[shares + k] = tapShares[k]; }
          sums[shares + ${width}] = biasShare;
        }
      `,
    },
    {
      binds: ["weight", "mask", "seqIdx", "dfinalState", "sums", "dx", "dinitialState"],
      // the first chunk has the state to write even where there are no steps
      workgroups: ({ batch, time, inner }) => Math.ceil((batch * Math.max(chunksOf(time), 1) * inner) / WORKGROUP),
      moves: (dims) => ({ sums: dims.batch * dims.time * dims.inner + atBorders(dims) }),
      source: ({ width }) => wgsl`
        ${groupIndex}
        const past = ${width - 1}u;

        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
          let chunks = max((dims.time + ${CHUNK - 1}) / ${CHUNK}, 1);
          if (i >= dims.batch * chunks * dims.inner) { return; }
          let e = i % dims.inner;
          let b = i / dims.inner / chunks;
          let first = i / dims.inner % chunks * ${CHUNK};
          let end = min(first + ${CHUNK}, dims.time);
          let channel = (b * dims.inner + e) * past;

          // window[k]: ds of the k-th step of the sequence from here on; "found" of them exist
          var window = array<f32, ${width}>();
          var found = 0u;
          var begun = false;
          var sequence = 0; // that of the first of them
          var isLast = true; // sequence of the row
          for (var t = end; t < dims.time && (found < past || (hasSeqIdx && !begun)); t++) {
            let row = b * dims.time + t;
            if (hasMask) {
              if (mask[row] == 0) { continue; }
            }
            if (hasSeqIdx) {
              if (!begun) { sequence = seqIdx[row]; }
              begun = true;
              isLast = seqIdx[row] == sequence;
              if (!isLast) { break; }
            }
            if (found == past) { break; }
            if (hasDy) { window[found] = sums[row * dims.inner + e]; }
            found++;
          }
          var taps = array<f32, ${width}>();
          for (var k = 0u; k <= past; k++) { taps[k] = weight[e * ${width} + k]; }

          for (var t = end; t > first; t--) {
            let row = b * dims.time + t - 1;
            let at = row * dims.inner + e;
            if (hasMask) {
              if (mask[row] == 0) {
                dx[at] = 0.0;
                continue;
              }
            }
            if (hasSeqIdx) {
              if (begun && seqIdx[row] != sequence) {
                window = array<f32, ${width}>();
                found = 0;
                isLast = false;
              }
              sequence = seqIdx[row];
              begun = true;
            }
            for (var k = past; k > 0; k--) { window[k] = window[k - 1]; }
            var grad = 0.0;
            if (hasDfinalState) {
              if (isLast && found < past) { grad = dfinalState[channel + past - 1 - found]; }
            }
            found = min(found + 1, ${width});
            if (hasDy) {
              window[0] = sums[at];
              for (var k = 0u; k < found; k++) { grad = fma(window[k], taps[past - k], grad); }
            }
            dx[at] = grad;
          }

          if (first > 0) { return; }
          for (var begin = 1u; begin <= past; begin++) {
            for (var k = past; k > 0; k--) { window[k] = window[k - 1]; }
            var grad = 0.0;
            if (hasDfinalState) {
              if (isLast && found < past) { grad = dfinalState[channel + past - 1 - found]; }
            }
            found = min(found + 1, ${width});
            if (hasDy) {
              for (var k = begin; k < found; k++) { grad = fma(window[k], taps[past - k], grad); }
            }
            dinitialState[channel + past - begin] = grad;
          }
        }
      `,
    },
    {
      binds: ["sums", "dweight", "dbias"],
      workgroups: ({ inner, width }) => Math.ceil((inner * (width + 1)) / WORKGROUP),
      moves: (dims) => ({ sums: sharesOf(dims) }),
      source: ({ width }) => wgsl`
        ${groupIndex}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
          let count = dims.inner * ${width + 1};
          if (i >= count) { return; }
          let rows = dims.batch * ((dims.time + ${CHUNK - 1}) / ${CHUNK});
          var sum = 0.0;
          let shares = dims.batch * dims.time * dims.inner + i;
          for (var r = 0u; r < rows; r++) { sum += sums[shares + r * count]; }
          let e = i / ${width + 1};
          let k = i % ${width + 1};
          if (k < ${width}) { dweight[e * ${width} + k] = sum; } else { dbias[e] = sum; }
        }
      `,
    },
  ],
});
