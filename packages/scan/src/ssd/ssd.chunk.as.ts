/** What the kernels of SSD in chunks share: decays over the borders of a chunk, and rows around the products. */
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { COLUMNS, packTransposed, product, ROWS } from "../../../wasm/src/snippets/product.as.ts";
import { sums4 } from "../../../wasm/src/snippets/sum.as.ts";
import { DECAY, KIND, RECORD } from "./ssd.record.as.ts";
import { BEGINNING, ORDINARY, PADDING } from "./ssd.steps.as.ts";

/** Decays from before the chunk, 0 for padding; gives that of the whole chunk. */
export function decaysSince(record: usize, length: i32, weights: usize): f32 {
  let weight: f32 = 1;
  for (let t = 0; t < length; t++, record = at(record, RECORD)) {
    const kind = load<i32>(at(record, KIND));
    if (kind == BEGINNING) weight = 0;
    else if (kind == ORDINARY && weight != 0) weight *= load<f32>(at(record, DECAY));
    if (weight < TINY) weight = 0;
    store<f32>(at(weights, t), kind == PADDING ? 0 : weight);
  }
  return weight;
}

/** Decays to the end of the chunk, 0 for padding; gives that of the whole chunk. */
export function decaysTo(record: usize, length: i32, weights: usize): f32 {
  let weight: f32 = 1;
  for (let t = length - 1; t >= 0; t--) {
    const step = at(record, t * RECORD);
    const kind = load<i32>(at(step, KIND));
    store<f32>(at(weights, t), kind == PADDING ? 0 : weight);
    if (kind == BEGINNING) weight = 0;
    else if (kind == ORDINARY && weight != 0) weight *= load<f32>(at(step, DECAY));
    if (weight < TINY) weight = 0;
  }
  return weight;
}

/** Below it a decay is taken for 0, as processors are slow on subnormals. */
const TINY: f32 = 1e-30;

/** All rows as panels of `product`, turned. */
export function packTransposedRows(rows: usize, count: i32, depth: i32, panels: usize): void {
  for (let r = 0; r < count; r += COLUMNS) {
    packTransposed(at(rows, r * depth), depth, count - r, depth, at(panels, r * depth));
  }
}

/** The product of blocks and panels, up to the diagonal. */
export function lowerProduct(blocks: usize, panels: usize, to: usize, stride: i32, length: i32, depth: i32): void {
  for (let t = 0; t < length; t += ROWS) {
    product(
      at(blocks, t * depth), panels, COLUMNS * depth, at(to, t * stride), stride,
      min(ROWS, length - t), depth, min(t + ROWS, length), false,
    );
  }
}

/** Adds `weight · values` to `sums` and gives the product of `weight · values` and `others`; weight 0 adds nothing. */
export function addWeighted(values: usize, weight: f32, others: usize, sums: usize, count: i32): f32 {
  if (weight == 0) return 0;
  const factor = f32x4.splat(weight);
  let total = f32x4.splat(0);
  for (let n = 0; n < count; n += 4) {
    const value = f32x4.mul(factor, load4(at(values, n), count - n));
    total = madd(value, load4(at(others, n), count - n), total);
    store4(at(sums, n), f32x4.add(load4(at(sums, n), count - n), value), count - n);
  }
  return sumLanes(total);
}

export function dot(a: usize, b: usize, count: i32): f32 {
  let total = f32x4.splat(0);
  for (let i = 0; i < count; i += 4) total = madd(load4(at(a, i), count - i), load4(at(b, i), count - i), total);
  return sumLanes(total);
}

/** Scales `count` elements; by 0 everything becomes 0. */
export function scale(values: usize, by: f32, count: i32): void {
  if (by == 0) {
    memory.fill(values, 0, (<usize>count) << 2);
    return;
  }
  const factor = f32x4.splat(by);
  for (let i = 0; i < count; i += 4) store4(at(values, i), f32x4.mul(load4(at(values, i), count - i), factor), count - i);
}

@inline
export function sumLanes(values: v128): f32 {
  return f32x4.extract_lane(sums4(values, values, values, values), 0);
}
