import { defineKernel, groupIndex, reduce, wgsl } from "@elapid/webgpu";
import { partialSums, sumOverRows } from "../sum-rows/sum-rows.wgsl.ts";
import { rmsNormBackward } from "./rms-norm.backward.ts";

const WORKGROUP = 64;

/**
 * In the first pass one workgroup a row folds its two sums in workgroup memory, in a fixed order, writes `dx`
 * and leaves the row's scale for the passes that sum `dweight` over the rows. Moves 28 bytes an element.
 * Deterministic.
 */
export const rmsNormBackwardRows = defineKernel(rmsNormBackward, {
  along: "rows",
  scratch: {
    scales: ({ rows }) => Math.max(1, rows),
    partial: ({ rows, features }) => partialSums(rows, features),
  },
  passes: [
    {
      binds: ["x", "weight", "dy", "dx", "scales"],
      workgroups: ({ rows }) => rows,
      source: () => wgsl`
        ${groupIndex}
        ${reduce(WORKGROUP)}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let row = groupIndex(group, groups);
          if (row >= dims.rows) { return; }
          let start = row * dims.features;
          var squares = 0.0;
          var along = 0.0;
          for (var f = lane; f < dims.features; f += ${WORKGROUP}) {
            let value = x[start + f];
            squares += value * value;
            along += dy[start + f] * weight[f] * value;
          }
          let scale = inverseSqrt(sumOf(squares, lane) / f32(dims.features) + dims.eps);
          let pull = scale * scale * sumOf(along, lane) / f32(dims.features);
          for (var f = lane; f < dims.features; f += ${WORKGROUP}) {
            dx[start + f] = scale * (dy[start + f] * weight[f] - x[start + f] * pull);
          }
          if (lane == 0) { scales[row] = scale; }
        }
      `,
    },
    ...sumOverRows({
      columns: ({ features }: { readonly rows: number; readonly features: number }) => features,
      reads: ["x", "dy", "scales"],
      writes: "dweight",
      parts: [
        wgsl`fn columns() -> u32 { return dims.features; }`,
        wgsl`fn term(row: u32, column: u32) -> f32 {
          let i = row * dims.features + column;
          return dy[i] * x[i] * scales[row];
        }`,
        wgsl`fn keep(column: u32, total: f32) {
          dweight[column] = total + select(dweight[column], 0.0, dims.rangeFirst == 0);
        }`,
      ],
    }),
  ],
});
