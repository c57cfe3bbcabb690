import { defineKernel, exponential, groupIndex, wgsl } from "@elapid/webgpu";
import { attentionBackward } from "./attention.backward.ts";
import { WORKGROUP, attentionRows, firstSeen } from "./attention.rows.wgsl.ts";

interface Sizes {
  readonly batch: number;
  readonly queries: number;
  readonly heads: number;
}

const rowsOf = ({ batch, queries, heads }: Sizes) => batch * queries * heads;

/** `pairOf(row, key)`: the weight of a key for a query, and the gradient by their product. */
const pair = wgsl`
  ${exponential}
  fn pairOf(row: u32, key: u32) -> vec2f {
    var score = 0.0;
    for (var d = 0u; d < dims.headDim; d++) { score += q[row * dims.headDim + d] * k[key * dims.headDim + d]; }
    var slope = 0.0;
    for (var d = 0u; d < dims.valueDim; d++) { slope += dy[row * dims.valueDim + d] * v[key * dims.valueDim + d]; }
    let weight = exponential(dims.scale * score - stats[3 * row]);
    return vec2f(weight, dims.scale * weight * (slope - stats[3 * row + 1]));
  }
`;

/**
 * Three passes. The first leaves `dy · y - dlogSum` of each row beside its `logSum` and `first` in the scratch tensor `stats`, one invocation a row. The second
 * writes `dq`, one workgroup a query of a head with keys in tiles of 64; the third `dk` and `dv`, one workgroup a key of a
 * head with queries in tiles of 64. In a tile a lane owns a pair while its score is made again, and channels while
 * gradients are summed. Deterministic.
 */
export const attentionBackwardKernel = defineKernel(attentionBackward, {
  along: "batch",
  scratch: { stats: (dims) => Math.max(1, 3 * rowsOf(dims)) },
  passes: [
    {
      binds: ["first", "y", "dy", "logSum", "dlogSum", "stats"],
      workgroups: (dims) => Math.ceil(rowsOf(dims) / WORKGROUP),
      source: () => wgsl`
        ${groupIndex}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let row = groupIndex(group, groups) * ${WORKGROUP} + lane;
          if (row >= dims.batch * dims.queries * dims.heads) { return; }
          var sum = 0.0;
          if (hasDlogSum) { sum = -dlogSum[row]; }
          for (var d = 0u; d < dims.valueDim; d++) { sum += dy[row * dims.valueDim + d] * y[row * dims.valueDim + d]; }
          stats[3 * row] = logSum[row];
          stats[3 * row + 1] = sum;
          var begin = 0.0;
          if (hasFirst) { begin = f32(first[row / dims.heads]); }
          stats[3 * row + 2] = begin;
        }
      `,
    },
    {
      binds: ["q", "k", "v", "mask", "first", "dy", "stats", "dq"],
      workgroups: rowsOf,
      source: ({ headDim }) => wgsl`
        ${groupIndex}
        ${attentionRows}
        ${firstSeen}
        ${pair}
        var<workgroup> slopes: array<f32, ${WORKGROUP}>;

        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let row = groupIndex(group, groups);
          if (row >= dims.batch * dims.queries * dims.heads) { return; }
          let i = row / dims.heads % dims.queries;
          let b = row / dims.heads / dims.queries;
          let kvHead = kvHeadOf(row % dims.heads);
          var sums: array<f32, ${Math.max(1, Math.ceil(headDim / WORKGROUP))}>;
          let begin = firstSeen(b, i, lane);
          let last = keysSeen(i);
          for (var tile = begin / ${WORKGROUP} * ${WORKGROUP}; tile < last; tile += ${WORKGROUP}) {
            let j = tile + lane;
            if (j < last) { slopes[lane] = pairOf(row, keyAt(b, j, kvHead)).y; }
            workgroupBarrier();
            for (var d = lane; d < dims.headDim; d += ${WORKGROUP}) {
              for (var c = max(begin, tile) - tile; c < min(${WORKGROUP}, last - tile); c++) {
                if (masked(b, tile + c)) { continue; }
                sums[d / ${WORKGROUP}] += slopes[c] * k[keyAt(b, tile + c, kvHead) * dims.headDim + d];
              }
            }
            workgroupBarrier();
          }
          for (var d = lane; d < dims.headDim; d += ${WORKGROUP}) { dq[row * dims.headDim + d] = sums[d / ${WORKGROUP}]; }
        }
      `,
    },
    {
      binds: ["q", "k", "v", "mask", "dy", "stats", "dk", "dv"],
      workgroups: ({ batch, keys, kvHeads }) => batch * keys * kvHeads,
      source: ({ headDim, valueDim }) => wgsl`
        ${groupIndex}
        ${attentionRows}
        ${pair}
        var<workgroup> queriesEnd: u32;
        var<workgroup> pairs: array<vec2f, ${WORKGROUP}>;

        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let key = groupIndex(group, groups);
          if (key >= dims.batch * dims.keys * dims.kvHeads) { return; }
          let kvHead = key % dims.kvHeads;
          let j = key / dims.kvHeads % dims.keys;
          let b = key / dims.kvHeads / dims.keys;
          let share = dims.heads / dims.kvHeads;
          var keySums: array<f32, ${Math.max(1, Math.ceil(headDim / WORKGROUP))}>;
          var valueSums: array<f32, ${Math.max(1, Math.ceil(valueDim / WORKGROUP))}>;
          var start = 0u;
          if (causal) { start = max(j + dims.queries, dims.keys) - dims.keys; }
          let hidden = masked(b, j);
          // firsts go up: the queries that may look at the key end where one begins after it
          if (lane == 0) {
            var low = 0u;
            var high = dims.queries;
            while (hasFirst && low < high) {
              let middle = (low + high) / 2;
              if (u32(stats[3 * rowAt(b, middle, kvHead * share) + 2]) <= j) { low = middle + 1; } else { high = middle; }
            }
            queriesEnd = high;
          }
          let end = workgroupUniformLoad(&queriesEnd);
          for (var head = kvHead * share; head < (kvHead + 1) * share; head++) {
            for (var tile = start; tile < end; tile += ${WORKGROUP}) {
              let i = tile + lane;
              if (i < end) { pairs[lane] = pairOf(rowAt(b, i, head), key); }
              workgroupBarrier();
              for (var c = 0u; c < min(${WORKGROUP}, end - tile); c++) {
                if (hidden) { break; }
                let row = rowAt(b, tile + c, head);
                for (var d = lane; d < dims.headDim; d += ${WORKGROUP}) {
                  keySums[d / ${WORKGROUP}] += pairs[c].y * q[row * dims.headDim + d];
                }
                for (var d = lane; d < dims.valueDim; d += ${WORKGROUP}) {
                  valueSums[d / ${WORKGROUP}] += pairs[c].x * dy[row * dims.valueDim + d];
                }
              }
              workgroupBarrier();
            }
          }
          for (var d = lane; d < dims.headDim; d += ${WORKGROUP}) { dk[key * dims.headDim + d] = keySums[d / ${WORKGROUP}]; }
          for (var d = lane; d < dims.valueDim; d += ${WORKGROUP}) { dv[key * dims.valueDim + d] = valueSums[d / ${WORKGROUP}]; }
        }
      `,
    },
  ],
});
