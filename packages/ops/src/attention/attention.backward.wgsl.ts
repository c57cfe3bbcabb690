import { defineKernel, exponential, groupIndex, wgsl } from "@elapid/webgpu";
import { attentionBackward } from "./attention.backward.ts";
import { WORKGROUP, attentionRows } from "./attention.rows.wgsl.ts";

interface Sizes {
  readonly batch: number;
  readonly queries: number;
  readonly heads: number;
}

const rowsOf = ({ batch, queries, heads }: Sizes) => batch * queries * heads;

/** `pairOf(row, key)`: the weight of a key for a query, and the gradient by their product. */
const pair = wgsl`
  ${exponential}
  ${attentionRows}
  fn pairOf(row: u32, key: u32) -> vec2f {
    var score = 0.0;
    for (var d = 0u; d < dims.headDim; d++) { score += q[row * dims.headDim + d] * k[key * dims.headDim + d]; }
    var slope = 0.0;
    for (var d = 0u; d < dims.valueDim; d++) { slope += dy[row * dims.valueDim + d] * v[key * dims.valueDim + d]; }
    let weight = exponential(dims.scale * score - stats[2 * row]);
    return vec2f(weight, dims.scale * weight * (slope - stats[2 * row + 1]));
  }
`;

/**
 * Three passes. The first leaves `dy · y - dlogSum` of each row beside its `logSum` in the scratch tensor `stats`, one invocation a row. The second
 * writes `dq`, one workgroup a query of a head with keys in tiles of 64; the third `dk` and `dv`, one workgroup a key of a
 * head with queries in tiles of 64. In a tile a lane owns a pair while its score is made again, and channels while
 * gradients are summed. Deterministic.
 */
export const attentionBackwardKernel = defineKernel(attentionBackward, {
  along: "batch",
  scratch: { stats: (dims) => Math.max(1, 2 * rowsOf(dims)) },
  passes: [
    {
      binds: ["y", "dy", "logSum", "dlogSum", "stats"],
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
          stats[2 * row] = logSum[row];
          stats[2 * row + 1] = sum;
        }
      `,
    },
    {
      binds: ["q", "k", "v", "mask", "dy", "stats", "dq"],
      workgroups: rowsOf,
      source: ({ headDim }) => wgsl`
        ${groupIndex}
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
          let last = keysSeen(i);
          for (var tile = 0u; tile < last; tile += ${WORKGROUP}) {
            let j = tile + lane;
            if (j < last) { slopes[lane] = pairOf(row, keyAt(b, j, kvHead)).y; }
            workgroupBarrier();
            for (var d = lane; d < dims.headDim; d += ${WORKGROUP}) {
              for (var c = 0u; c < min(${WORKGROUP}, last - tile); c++) {
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
        ${pair}
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
          for (var head = kvHead * share; head < (kvHead + 1) * share; head++) {
            for (var tile = start; tile < dims.queries; tile += ${WORKGROUP}) {
              let i = tile + lane;
              if (i < dims.queries) { pairs[lane] = pairOf(rowAt(b, i, head), key); }
              workgroupBarrier();
              for (var c = 0u; c < min(${WORKGROUP}, dims.queries - tile); c++) {
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
