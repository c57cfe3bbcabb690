import { sumRowsOp } from "@elapid/tensor";
import { defineKernel, groupIndex, reduce, wgsl, type Pass, type Wgsl } from "@elapid/webgpu";

const WORKGROUP = 64;
/** Rows that one invocation sums. */
const ROWS = 32;

interface Sums<D> {
  readonly columns: (dims: D) => number;
  /** Tensors that `term` reads. */
  readonly reads: readonly string[];
  /** The tensor that `keep` writes. */
  readonly writes: string;
  /**
   * The WGSL functions `columns() -> u32`, `term(row: u32, column: u32) -> f32` for what is summed, and
   * `keep(column: u32, total: f32)`.
   */
  readonly parts: readonly [columns: Wgsl, term: Wgsl, keep: Wgsl];
}

/** Elements of the scratch tensor `partial` that the passes of `sumOverRows` need. */
export const partialSums = (rows: number, columns: number): number => Math.max(1, Math.ceil(rows / ROWS) * columns);

/**
 * Two passes that sum terms over the rows. In the first an invocation sums 32 rows of a column; in the second
 * a workgroup sums those of a column, folded in workgroup memory. The order is fixed. Rows over several
 * bindings are a sum each, which `keep` adds to the one before. The scratch tensor `partial` is free again after
 * them.
 */
export function sumOverRows<D extends { readonly rows: number }>({
  columns: count,
  reads,
  writes,
  parts: [columns, term, keep],
}: Sums<D>): Pass<D, never>[] {
  return [
    {
      binds: [...reads, "partial"],
      workgroups: (dims) => Math.ceil((Math.ceil(dims.rows / ROWS) * count(dims)) / WORKGROUP),
      source: () => wgsl`
        ${groupIndex}
        ${columns}
        ${term}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let i = groupIndex(group, groups) * ${WORKGROUP} + lane;
          let first = i / columns() * ${ROWS};
          if (first >= dims.rows) { return; }
          var sum = 0.0;
          for (var row = first; row < min(first + ${ROWS}, dims.rows); row++) { sum += term(row, i % columns()); }
          partial[i] = sum;
        }
      `,
    },
    {
      binds: ["partial", writes],
      workgroups: (dims) => count(dims),
      source: () => wgsl`
        ${groupIndex}
        ${reduce(WORKGROUP)}
        ${columns}
        ${keep}
        @compute @workgroup_size(${WORKGROUP})
        fn main(
          @builtin(workgroup_id) group: vec3u,
          @builtin(num_workgroups) groups: vec3u,
          @builtin(local_invocation_index) lane: u32,
        ) {
          let column = groupIndex(group, groups);
          if (column >= columns()) { return; }
          let blocks = (dims.rows + ${ROWS - 1}) / ${ROWS};
          var sum = 0.0;
          for (var block = lane; block < blocks; block += ${WORKGROUP}) { sum += partial[block * columns() + column]; }
          let total = sumOf(sum, lane);
          if (lane == 0) { keep(column, total); }
        }
      `,
    },
  ];
}

/** The two passes of `sumOverRows` on `x` itself. Deterministic; memory bounds it. */
export const sumRowsKernel = defineKernel(sumRowsOp, {
  along: "rows",
  scratch: { partial: ({ rows, size }) => partialSums(rows, size) },
  passes: sumOverRows({
    columns: ({ size }: { readonly rows: number; readonly size: number }) => size,
    reads: ["x"],
    writes: "y",
    parts: [
      wgsl`fn columns() -> u32 { return dims.size; }`,
      wgsl`fn term(row: u32, column: u32) -> f32 { return x[row * dims.size + column]; }`,
      wgsl`fn keep(column: u32, total: f32) { y[column] = total + select(y[column], 0.0, dims.rangeFirst == 0); }`,
    ],
  }),
});
