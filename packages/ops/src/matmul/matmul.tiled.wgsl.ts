import type { WeightDType } from "@elapid/tensor";
import { defineKernel, groupIndex, wgsl, type Kernel } from "@elapid/webgpu";
import { SUM_BLOCK } from "./matmul.block.ts";
import { matmulOp } from "./matmul.ts";
import { weightAt } from "./weight-at.wgsl.ts";

/** A workgroup of 8 by 8 invocations computes a tile of 32 by 32, each invocation 4 by 4 of it. */
const SIDE = 8;
const EACH = 4;
const TILE = SIDE * EACH;
const WORKGROUP = SIDE * SIDE;
/** Floats from one line of a tile in workgroup memory to the next; odd, so that a column falls into different banks. */
const PITCH = SUM_BLOCK + 1;

/**
 * One workgroup computes a tile of `y`. Block by block of `in`, it puts the tile's rows of `x` and of the
 * weights into workgroup memory (8.25 KiB), so each is read once a tile, not once an output; every invocation
 * sums the block for its 16 outputs, then adds it to their totals. Suits many rows. Deterministic; the sums
 * are those of `matmul.few-rows.wgsl.ts`.
 */
export const matmulTiled = (dtype: WeightDType): Kernel =>
  defineKernel(matmulOp, {
    algorithm: `tiled ${dtype}`,
    dtypes: { weight: dtype },
    split: "weight",
    along: "rows",
    workgroups: ({ rows, partCount }) => Math.ceil(rows / TILE) * Math.ceil(partCount / TILE),
    source: () => wgsl`
    ${groupIndex}
    ${weightAt(dtype)}
    var<workgroup> xTile: array<f32, ${TILE * PITCH}>; // tile row, in
    var<workgroup> weightTile: array<f32, ${TILE * PITCH}>; // tile column, in

    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) index: u32,
    ) {
      let columns = (dims.partCount + ${TILE - 1}) / ${TILE};
      let number = groupIndex(group, groups);
      let firstRow = (number / columns) * ${TILE};
      let firstColumn = (number % columns) * ${TILE};
      let row = index / ${SIDE};
      let column = index % ${SIDE};
      var totals = array<f32, ${EACH * EACH}>();
      for (var start = 0u; start < dims.in; start += ${SUM_BLOCK}) {
        for (var at = index; at < ${TILE * SUM_BLOCK}; at += ${WORKGROUP}) {
          let line = at / ${SUM_BLOCK};
          let i = start + at % ${SUM_BLOCK};
          let r = firstRow + line;
          let o = firstColumn + line;
          var xValue = 0.0;
          var weightValue = 0.0;
          if (i < dims.in && r < dims.rows) { xValue = x[r * dims.in + i]; }
          if (i < dims.in && o < dims.partCount) { weightValue = weightAt(o, i, dims.in); }
          xTile[line * ${PITCH} + at % ${SUM_BLOCK}] = xValue;
          weightTile[line * ${PITCH} + at % ${SUM_BLOCK}] = weightValue;
        }
        workgroupBarrier();
        var sums = array<f32, ${EACH * EACH}>();
        for (var i = 0u; i < ${SUM_BLOCK}; i++) {
          for (var m = 0u; m < ${EACH}; m++) {
            let value = xTile[(row + m * ${SIDE}) * ${PITCH} + i];
            for (var n = 0u; n < ${EACH}; n++) {
              let weightValue = weightTile[(column + n * ${SIDE}) * ${PITCH} + i];
              sums[m * ${EACH} + n] = fma(value, weightValue, sums[m * ${EACH} + n]);
            }
          }
        }
        for (var k = 0u; k < ${EACH * EACH}; k++) { totals[k] += sums[k]; }
        workgroupBarrier();
      }
      for (var m = 0u; m < ${EACH}; m++) {
        for (var n = 0u; n < ${EACH}; n++) {
          let r = firstRow + row + m * ${SIDE};
          let local = firstColumn + column + n * ${SIDE};
          if (r < dims.rows && local < dims.partCount) {
            let o = dims.partFirst + local;
            var total = totals[m * ${EACH} + n];
            if (hasBias) { total += bias[o]; }
            y[r * dims.out + o] = total;
          }
        }
      }
    }
  `,
  });
