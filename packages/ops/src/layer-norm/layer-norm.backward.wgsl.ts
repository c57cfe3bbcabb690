import { defineKernel, groupIndex, reduce, wgsl } from "@elapid/webgpu";
import { partialSums, sumOverRows } from "../sum-rows/sum-rows.wgsl.ts";
import { layerNormBackward } from "./layer-norm.backward.ts";

const WORKGROUP = 64;

const columns = wgsl`fn columns() -> u32 { return dims.features; }`;
const features = (dims: { readonly rows: number; readonly features: number }): number => dims.features;

/**
 * In the first pass one workgroup a row folds four sums in workgroup memory, in a fixed order: the mean, the
 * mean squared distance from it, so nothing cancels, and the two means of the gradient. It writes `dx` and
 * leaves mean and scale for the passes that sum `dweight` and `dbias` over the rows. Deterministic.
 */
export const layerNormBackwardRows = defineKernel(layerNormBackward, {
  along: "rows",
  scratch: {
    means: ({ rows }) => Math.max(1, rows),
    scales: ({ rows }) => Math.max(1, rows),
    partial: (dims) => partialSums(dims.rows, dims.features),
  },
  passes: [
    {
      binds: ["x", "weight", "dy", "dx", "means", "scales"],
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
          let count = f32(dims.features);
          // the mean of what is left once the row's first value is taken away, which keeps the digits of rows far from 0
          let origin = x[start];
          var total = 0.0;
          for (var f = lane; f < dims.features; f += ${WORKGROUP}) { total += x[start + f] - origin; }
          let mean = sumOf(total, lane) / count;
          var squares = 0.0;
          for (var f = lane; f < dims.features; f += ${WORKGROUP}) {
            let distance = x[start + f] - origin - mean;
            squares += distance * distance;
          }
          let scale = inverseSqrt(sumOf(squares, lane) / count + dims.eps);
          var levels = 0.0;
          var products = 0.0;
          for (var f = lane; f < dims.features; f += ${WORKGROUP}) {
            let g = dy[start + f] * weight[f];
            levels += g;
            products += g * ((x[start + f] - origin - mean) * scale);
          }
          let level = sumOf(levels, lane) / count;
          let along = sumOf(products, lane) / count;
          for (var f = lane; f < dims.features; f += ${WORKGROUP}) {
            let normed = (x[start + f] - origin - mean) * scale;
            dx[start + f] = scale * (dy[start + f] * weight[f] - level - normed * along);
          }
          if (lane == 0) {
            means[row] = mean;
            scales[row] = scale;
          }
        }
      `,
    },
    ...sumOverRows({
      columns: features,
      reads: ["x", "dy", "means", "scales"],
      writes: "dweight",
      parts: [
        columns,
        wgsl`fn term(row: u32, column: u32) -> f32 {
          let start = row * dims.features;
          return dy[start + column] * ((x[start + column] - x[start] - means[row]) * scales[row]);
        }`,
        wgsl`fn keep(column: u32, total: f32) {
          dweight[column] = total + select(dweight[column], 0.0, dims.rangeFirst == 0);
        }`,
      ],
    }),
    ...sumOverRows({
      columns: features,
      reads: ["dy"],
      writes: "dbias",
      parts: [
        columns,
        wgsl`fn term(row: u32, column: u32) -> f32 { return dy[row * dims.features + column]; }`,
        wgsl`fn keep(column: u32, total: f32) {
          dbias[column] = total + select(dbias[column], 0.0, dims.rangeFirst == 0);
        }`,
      ],
    }),
  ],
});
