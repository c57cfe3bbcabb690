import type { WeightDType } from "@elapid/tensor";
import { defineKernel, groupIndex, wgsl, type Kernel, type Wgsl } from "@elapid/webgpu";
import { matmulInputGradient, matmulWeightGradient } from "./matmul.backward.ts";
import { SUM_BLOCK } from "./matmul.block.ts";
import { weightAt } from "./weight-at.wgsl.ts";

/** A workgroup of 8 by 8 invocations computes a tile of 32 by 32, each invocation 4 by 4 of it. */
const SIDE = 8;
const EACH = 4;
const TILE = SIDE * EACH;
const WORKGROUP = SIDE * SIDE;
/** Floats from one line of a tile in workgroup memory to the next; odd, so that a column falls into different banks. */
const PITCH = SUM_BLOCK + 1;

/**
 * A product of two matrices, `sum over k of left(line, k) · right(k, column)`. One workgroup computes a tile of
 * it: block by block of `k` it puts both sides into workgroup memory (8.25 KiB), so each is read once a tile;
 * every invocation sums the block for its 16 results, then adds it to their totals. Deterministic.
 *
 * @param sides The WGSL functions `height()`, `width()` and `depth()` for sizes, `left` and `right`,
 * `before(line, column)` for what is there already, and `keep(line, column, total)`; and `leftAlongDepth`,
 * whether neighbours in memory on the left differ in `k`.
 */
function tiledProduct(sides: Wgsl): Wgsl {
  return wgsl`
    ${groupIndex}
    ${sides}
    var<workgroup> leftTile: array<f32, ${TILE * PITCH}>; // line, k
    var<workgroup> rightTile: array<f32, ${TILE * PITCH}>; // k, column

    @compute @workgroup_size(${WORKGROUP})
    fn main(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) index: u32,
    ) {
      let across = (width() + ${TILE - 1}) / ${TILE};
      let number = groupIndex(group, groups);
      let firstLine = (number / across) * ${TILE};
      let firstColumn = (number % across) * ${TILE};
      let line = index / ${SIDE};
      let column = index % ${SIDE};
      var totals = array<f32, ${EACH * EACH}>();
      for (var m = 0u; m < ${EACH}; m++) {
        for (var n = 0u; n < ${EACH}; n++) {
          let l = firstLine + line + m * ${SIDE};
          let c = firstColumn + column + n * ${SIDE};
          if (l < height() && c < width()) { totals[m * ${EACH} + n] = before(l, c); }
        }
      }
      for (var start = 0u; start < depth(); start += ${SUM_BLOCK}) {
        for (var at = index; at < ${TILE * SUM_BLOCK}; at += ${WORKGROUP}) {
          let slow = at / ${TILE};
          let fast = at % ${TILE};
          let l = select(fast, slow, leftAlongDepth);
          let k = select(slow, fast, leftAlongDepth);
          var leftValue = 0.0;
          var rightValue = 0.0;
          if (firstLine + l < height() && start + k < depth()) { leftValue = left(firstLine + l, start + k); }
          if (firstColumn + fast < width() && start + slow < depth()) {
            rightValue = right(start + slow, firstColumn + fast);
          }
          leftTile[l * ${PITCH} + k] = leftValue;
          rightTile[slow * ${PITCH} + fast] = rightValue;
        }
        workgroupBarrier();
        var sums = array<f32, ${EACH * EACH}>();
        for (var k = 0u; k < ${SUM_BLOCK}; k++) {
          for (var m = 0u; m < ${EACH}; m++) {
            let value = leftTile[(line + m * ${SIDE}) * ${PITCH} + k];
            for (var n = 0u; n < ${EACH}; n++) {
              sums[m * ${EACH} + n] = fma(value, rightTile[k * ${PITCH} + column + n * ${SIDE}], sums[m * ${EACH} + n]);
            }
          }
        }
        for (var i = 0u; i < ${EACH * EACH}; i++) { totals[i] += sums[i]; }
        workgroupBarrier();
      }
      for (var m = 0u; m < ${EACH}; m++) {
        for (var n = 0u; n < ${EACH}; n++) {
          let l = firstLine + line + m * ${SIDE};
          let c = firstColumn + column + n * ${SIDE};
          if (l < height() && c < width()) { keep(l, c, totals[m * ${EACH} + n]); }
        }
      }
    }
  `;
}

const tiles = (height: number, width: number): number => Math.ceil(height / TILE) * Math.ceil(width / TILE);

/** `tiledProduct` of `dy` and the weights. Weights over several bindings add to `dx` part by part, in order. */
export const matmulInputGradientTiled = (dtype: WeightDType): Kernel =>
  defineKernel(matmulInputGradient, {
    algorithm: `tiled ${dtype}`,
    dtypes: { weight: dtype },
    split: "weight",
    along: "rows",
    workgroups: ({ rows, in: inner }) => tiles(rows, inner),
    source: () =>
      tiledProduct(wgsl`
      ${weightAt(dtype)}
      const leftAlongDepth = true;
      fn height() -> u32 { return dims.rows; }
      fn width() -> u32 { return dims.in; }
      fn depth() -> u32 { return dims.partCount; }
      fn left(r: u32, o: u32) -> f32 { return dy[r * dims.out + dims.partFirst + o]; }
      fn right(o: u32, i: u32) -> f32 { return weightAt(o, i, dims.in); }
      fn before(r: u32, i: u32) -> f32 {
        if (dims.partFirst == 0) { return 0.0; }
        return dx[r * dims.in + i];
      }
      fn keep(r: u32, i: u32, total: f32) { dx[r * dims.in + i] = total; }
    `),
  });

/**
 * `tiledProduct` of `dy`, transposed, and `x`. A gradient over several bindings is computed part by part; rows
 * over several add to it range by range, in order.
 */
export const matmulWeightGradientTiled = defineKernel(matmulWeightGradient, {
  split: "dweight",
  along: "rows",
  workgroups: ({ partCount, in: inner }) => tiles(partCount, inner),
  source: () =>
    tiledProduct(wgsl`
      const leftAlongDepth = false;
      fn height() -> u32 { return dims.partCount; }
      fn width() -> u32 { return dims.in; }
      fn depth() -> u32 { return dims.rows; }
      fn left(o: u32, r: u32) -> f32 { return dy[r * dims.out + dims.partFirst + o]; }
      fn right(r: u32, i: u32) -> f32 { return x[r * dims.in + i]; }
      fn before(o: u32, i: u32) -> f32 {
        if (dims.rangeFirst == 0) { return 0.0; }
        return dweight[o * dims.in + i];
      }
      fn keep(o: u32, i: u32, total: f32) { dweight[o * dims.in + i] = total; }
    `),
});
