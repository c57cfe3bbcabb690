import { defineKernel, exponential, groupIndex, nan, reduce, wgsl } from "@elapid/webgpu";
import { attentionOp } from "./attention.ts";

/** Lanes of a workgroup, and the keys of a tile. */
export const WORKGROUP = 64;

/** `keyAt(b, j, kvHead)` and the like: places of rows; `masked(b, j)`: whether nobody may look at a key. */
export const attentionRows = wgsl`
fn rowAt(b: u32, i: u32, head: u32) -> u32 { return (b * dims.queries + i) * dims.heads + head; }
fn keyAt(b: u32, j: u32, kvHead: u32) -> u32 { return (b * dims.keys + j) * dims.kvHeads + kvHead; }
fn kvHeadOf(head: u32) -> u32 { return head / (dims.heads / dims.kvHeads); }
fn keysSeen(i: u32) -> u32 { return select(dims.keys, i + dims.keys - dims.queries + 1, causal); }
fn masked(b: u32, j: u32) -> bool {
  if (hasMask) { return mask[b * dims.keys + j] == 0; }
  return false;
}`;

/** `firstSeen(b, i, lane)`: the first key that the query of a workgroup may look at; all call it, together. */
export const firstSeen = wgsl`
var<workgroup> firstKey: u32;
fn firstSeen(b: u32, i: u32, lane: u32) -> u32 {
  if (hasFirst && lane == 0) { firstKey = u32(first[b * dims.queries + i]); }
  return workgroupUniformLoad(&firstKey);
}`;

/**
 * One workgroup a query of a head; keys pass in tiles of 64. In a tile a lane owns a key while weights are made, and
 * channels `lane, lane + 64, ...` while values are summed. Work `2 (headDim + valueDim)` for a query and a key, which
 * are read once for each query: suits few queries, and heads that fit in the cache. Deterministic.
 */
export const attentionKernel = defineKernel(attentionOp, {
  along: "batch",
  workgroups: ({ batch, queries, heads }) => batch * queries * heads,
  source: ({ headDim, valueDim }) => wgsl`
    ${groupIndex}
    ${exponential}
    ${nan}
    ${reduce(WORKGROUP)}
    ${attentionRows}
    ${firstSeen}
    const LOWEST = -3.4e38;
    var<workgroup> query: array<f32, ${Math.max(1, headDim)}>;
    var<workgroup> weights: array<f32, ${WORKGROUP}>;

    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let row = groupIndex(group, groups);
      if (row >= dims.batch * dims.queries * dims.heads) { return; }
      let head = row % dims.heads;
      let i = row / dims.heads % dims.queries;
      let b = row / dims.heads / dims.queries;
      let kvHead = kvHeadOf(head);
      for (var d = lane; d < dims.headDim; d += ${WORKGROUP}) { query[d] = q[row * dims.headDim + d]; }
      workgroupBarrier();

      var sums: array<f32, ${Math.max(1, Math.ceil(valueDim / WORKGROUP))}>;
      var peak = LOWEST;
      var total = 0.0;
      var count = 0.0;
      let begin = firstSeen(b, i, lane);
      let last = keysSeen(i);
      for (var tile = begin / ${WORKGROUP} * ${WORKGROUP}; tile < last; tile += ${WORKGROUP}) {
        let j = tile + lane;
        var here = false;
        if (j >= begin && j < last) { here = !masked(b, j); }
        var score = LOWEST;
        if (here) {
          let key = keyAt(b, j, kvHead) * dims.headDim;
          score = 0.0;
          for (var d = 0u; d < dims.headDim; d++) { score += query[d] * k[key + d]; }
          score *= dims.scale;
        }
        let before = peak;
        peak = max(peak, maxOf(score, lane));
        let weight = select(0.0, exponential(score - peak), here);
        weights[lane] = weight;
        let shrink = exponential(before - peak);
        total = total * shrink + sumOf(weight, lane);
        count += sumOf(select(0.0, 1.0, here), lane);
        for (var d = lane; d < dims.valueDim; d += ${WORKGROUP}) {
          var sum = sums[d / ${WORKGROUP}] * shrink;
          for (var c = max(begin, tile) - tile; c < min(${WORKGROUP}, last - tile); c++) {
            if (masked(b, tile + c)) { continue; }
            sum += weights[c] * v[keyAt(b, tile + c, kvHead) * dims.valueDim + d];
          }
          sums[d / ${WORKGROUP}] = sum;
        }
        workgroupBarrier();
      }
      for (var d = lane; d < dims.valueDim; d += ${WORKGROUP}) {
        var value = 0.0;
        if (count > 0.0) {
          value = sums[d / ${WORKGROUP}] / total;
          if (total == 0.0) { value = nan(); }
        }
        y[row * dims.valueDim + d] = value;
      }
      if (lane == 0) {
        var bits = 0xff800000u; // -Infinity, which WGSL has no literal for
        var logOfSum = bitcast<f32>(bits);
        if (count > 0.0) { logOfSum = peak + log(total); }
        logSum[row] = logOfSum;
      }
    }
  `,
});
