import type { WeightDType } from "@elapid/tensor";
import { defineKernel, groupIndex, wgsl, type Kernel } from "@elapid/webgpu";
import { SUM_BLOCK } from "./matmul.block.ts";
import { matmulOp } from "./matmul.ts";
import { weightAt } from "./weight-at.wgsl.ts";

/** Outputs of a workgroup, and invocations that share each. */
const OUTPUTS = 16;
const LANES = 4;
const WORKGROUP = OUTPUTS * LANES;

/** Rows up to which reading the weights anew for each of them costs less than tiles that stay empty. */
export const FEW_ROWS = 8;

/**
 * One workgroup computes 16 outputs of one row, four invocations each: every one sums a block of `in`, the
 * first adds up the four blocks in order, and so on to the end. Weights are read once a row, so memory
 * bounds it. Suits few rows, as in generation. Deterministic; the sums are those of `matmul.tiled.wgsl.ts`.
 */
export const matmulFewRows = (dtype: WeightDType): Kernel =>
  defineKernel(matmulOp, {
    algorithm: `few-rows ${dtype}`,
    dtypes: { weight: dtype },
    split: "weight",
    along: "rows",
    suits: ({ rows }) => rows <= FEW_ROWS,
    workgroups: ({ rows, partCount }) => rows * Math.ceil(partCount / OUTPUTS),
    source: () => wgsl`
    ${groupIndex}
    ${weightAt(dtype)}
    var<workgroup> blocks: array<f32, ${WORKGROUP}>;

    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) index: u32,
    ) {
      let columns = (dims.partCount + ${OUTPUTS - 1}) / ${OUTPUTS};
      let number = groupIndex(group, groups);
      let row = number / columns;
      let local = (number % columns) * ${OUTPUTS} + index / ${LANES};
      let lane = index % ${LANES};
      let works = row < dims.rows && local < dims.partCount;
      var total = 0.0;
      for (var start = 0u; start < dims.in; start += ${LANES * SUM_BLOCK}) {
        let begin = start + lane * ${SUM_BLOCK};
        let end = min(begin + ${SUM_BLOCK}, dims.in);
        var sum = 0.0;
        if (works) {
          for (var i = begin; i < end; i++) { sum = fma(x[row * dims.in + i], weightAt(local, i, dims.in), sum); }
        }
        blocks[index] = sum;
        workgroupBarrier();
        if (lane == 0) {
          for (var block = 0u; block < ${LANES}; block++) { total += blocks[index + block]; }
        }
        workgroupBarrier();
      }
      if (works && lane == 0) {
        let o = dims.partFirst + local;
        if (hasBias) { total += bias[o]; }
        y[row * dims.out + o] = total;
      }
    }
  `,
  });
