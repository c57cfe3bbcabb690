import type { WeightDType } from "@elapid/tensor";
import { defineKernel, groupIndex, nan, wgsl, type Kernel } from "@elapid/webgpu";
import { weightAt } from "../matmul/weight-at.wgsl.ts";
import { embeddingOp } from "./embedding.ts";

const WORKGROUP = 64;

/**
 * One invocation an element of `y`. Nothing is shared; memory bounds it. A table over several bindings takes
 * one dispatch a part, which writes the rows that it has; ids outside the table belong to the first.
 */
export const embeddingRows = (dtype: WeightDType): Kernel =>
  defineKernel(embeddingOp, {
    algorithm: dtype,
    dtypes: { weight: dtype },
    split: "weight",
    along: "rows",
    workgroups: ({ rows, features }) => Math.ceil((rows * features) / WORKGROUP),
    source: () => wgsl`
    ${groupIndex}
    ${nan}
    ${weightAt(dtype)}
    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) lane: u32,
    ) {
      let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
      if (i >= dims.rows * dims.features) { return; }
      let id = ids[i / dims.features];
      if (id < 0 || u32(id) >= dims.vocab) {
        if (dims.partFirst == 0) { y[i] = nan(); }
        return;
      }
      let row = u32(id) - dims.partFirst; // wraps around for a row before the part
      if (row < dims.partCount) { y[i] = weightAt(row, i % dims.features, dims.features); }
    }
  `,
  });
