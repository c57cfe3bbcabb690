import { defineKernel, groupIndex, reduce, wgsl, type Wgsl } from "@elapid/webgpu";
import { normOp } from "./norm.ts";

const WORKGROUP = 64;
/** Elements that an invocation of the first passes folds. */
const EACH = 64;

const blocks = ({ rows }: { readonly rows: number }): number => Math.ceil(rows / (WORKGROUP * EACH));

/** What elements are divided by before they are squared: the largest, unless that is 0 or infinite. */
const unit = wgsl`
fn unit(peak: f32) -> f32 { return select(peak, 1.0, peak == 0.0 || peak > 3.4028234e38); }`;

/** A workgroup folds 4096 elements to one of `folded`, by the WGSL functions `next(folded, x)` and `together(folded, lane)`. */
const foldBlock = (functions: Wgsl): Wgsl => wgsl`
  ${groupIndex}
  ${reduce(WORKGROUP)}
  ${functions}
  @compute @workgroup_size(${WORKGROUP})
  fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
  ) {
    let block = groupIndex(group, groups);
    let first = block * ${WORKGROUP * EACH};
    if (first >= dims.rows) { return; }
    var value = 0.0;
    for (var i = first + lane; i < min(first + ${WORKGROUP * EACH}, dims.rows); i += ${WORKGROUP}) {
      value = next(value, x[i]);
    }
    let result = together(value, lane);
    if (lane == 0) { folded[block] = result; }
  }
`;

/** One workgroup folds `folded` and by `both(a, b)` and `together`, and hands the result to `keep(result)`. */
const foldAll = (functions: Wgsl): Wgsl => wgsl`
  ${reduce(WORKGROUP)}
  ${functions}
  @compute @workgroup_size(${WORKGROUP})
  fn main(@builtin(local_invocation_index) lane: u32) {
    let count = (dims.rows + ${WORKGROUP * EACH - 1}) / ${WORKGROUP * EACH};
    var value = 0.0;
    for (var i = lane; i < count; i += ${WORKGROUP}) { value = both(value, folded[i]); }
    let result = together(value, lane);
    if (lane == 0) { keep(result); }
  }
`;

const largest = wgsl`
fn both(a: f32, b: f32) -> f32 { return max(a, b); }
fn next(folded: f32, x: f32) -> f32 { return max(folded, abs(x)); }
fn together(folded: f32, lane: u32) -> f32 { return maxOf(folded, lane); }`;

const sums = wgsl`${unit}
fn both(a: f32, b: f32) -> f32 { return a + b; }
fn together(folded: f32, lane: u32) -> f32 { return sumOf(folded, lane); }`;

/**
 * Four passes: the largest element, in blocks and altogether, then the squares of all as shares of it, likewise,
 * so that nothing overflows. `x` is read twice. The order is fixed.
 */
export const normKernel = defineKernel(normOp, {
  scratch: { folded: (dims) => Math.max(1, blocks(dims)), peak: () => 1 },
  passes: [
    { binds: ["x", "folded"], workgroups: blocks, source: () => foldBlock(largest) },
    {
      binds: ["folded", "peak"],
      workgroups: () => 1,
      source: () => foldAll(wgsl`${largest} fn keep(value: f32) { peak[0] = value; }`),
    },
    {
      binds: ["x", "folded", "peak"],
      workgroups: blocks,
      source: () =>
        foldBlock(wgsl`${sums}
          fn next(sum: f32, x: f32) -> f32 {
            let share = x / unit(peak[0]);
            return sum + share * share;
          }`),
    },
    {
      binds: ["folded", "peak", "y"],
      workgroups: () => 1,
      source: () => foldAll(wgsl`${sums} fn keep(sum: f32) { y[0] = unit(peak[0]) * sqrt(sum); }`),
    },
  ],
});
