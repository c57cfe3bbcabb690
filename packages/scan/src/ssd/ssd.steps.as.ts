/** What the recurrence and the chunked form share: step sizes and decays before the state, skip and gate after it. */
import { constant } from "../../../wasm/src/snippets/constant.as.ts";
import { exp } from "../../../wasm/src/snippets/exp.as.ts";
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, gather4, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { ROWS } from "../../../wasm/src/snippets/product.as.ts";
import { silu } from "../../../wasm/src/snippets/sigmoid.as.ts";
import { softplus } from "../../../wasm/src/snippets/softplus.as.ts";

/** Step sizes and decays of `count` steps of a head, the first of which is at `first`. */
@inline
export function stepSizes(
  delta: usize, bias: usize, logDecay: usize, rate: usize, first: i32, heads: i32, count: i32,
  plus: i32, lowest: v128, highest: v128, steps: usize, decays: usize,
): void {
  for (let i = 0; i < count; i += 4) {
    const from = first + i * heads;
    let d = gather4(at(delta, from), heads, count - i);
    if (bias) d = f32x4.add(d, v128.load_splat<f32>(bias));
    if (plus) d = softplus(d);
    d = f32x4.min(f32x4.max(d, lowest), highest);
    v128.store(at(steps, i), d);
    const given = logDecay ? gather4(at(logDecay, from), heads, count - i) : f32x4.splat(0);
    v128.store(at(decays, i), exp(madd(d, v128.load_splat<f32>(rate), given)));
  }
}

/** Adds what goes around the state, gates, and stores four channels from `p` on. */
@inline
export function finish(
  out: v128, input: v128, skip: usize, skips: usize, z: usize, y: usize, here: i32, p: i32, headDim: i32,
): void {
  let gated = out;
  if (skip) gated = madd(v128.load_splat<f32>(skip), input, gated);
  if (skips) gated = madd(load4(at(skips, p), headDim - p), input, gated);
  if (z) gated = f32x4.mul(gated, silu(load4(at(z, here + p), headDim - p)));
  store4(at(y, here + p), gated, headDim - p);
}

/** What a step does to the state before it: leaves it, decays it, or drops it as a packed sequence begins. */
export const PADDING = 0;
export const ORDINARY = 1;
export const BEGINNING = 2;

/** What the step at `row` is; `last` is the row of the last step that is no padding, -1 if none was. */
@inline
export function kindOf(mask: usize, seqIdx: usize, row: i32, last: i32): i32 {
  if (mask != 0 && load<i32>(at(mask, row)) == 0) return PADDING;
  if (seqIdx == 0 || last < 0) return ORDINARY;
  return load<i32>(at(seqIdx, row)) == load<i32>(at(seqIdx, last)) ? ORDINARY : BEGINNING;
}

const TINY = memory.data<f32>([1e-30]);

/**
 * Makes row `t` of `L` of the row before it: scaled by the decay, then `size` at `t`. What falls below 1e-30 is 0, as
 * processors are slow on subnormals. Elements up to the next multiple of four must be there.
 */
export function decayRow(row: usize, t: i32, kind: i32, decay: f32, size: f32): void {
  if (kind == ORDINARY) {
    const factor = f32x4.splat(decay);
    const tiny = constant(TINY);
    for (let s = 0; s < t; s += 4) {
      const scaled = f32x4.mul(v128.load(at(row, s)), factor);
      v128.store(at(row, s), v128.andnot(scaled, f32x4.lt(f32x4.abs(scaled), tiny)));
    }
  } else if (kind == BEGINNING) {
    memory.fill(row, 0, (<usize>t) << 2);
  }
  store<f32>(at(row, t), size);
}

/** Copies rows that lie `stride` elements apart, zeros where they are padding, and says whether all is finite. */
export function loadFinite(from: usize, stride: i32, mask: usize, rows: i32, width: i32, to: usize): bool {
  const zero = f32x4.splat(0);
  let spoilt = zero;
  for (let t = 0; t < rows; t++) {
    const row = at(to, t * width);
    if (mask != 0 && load<i32>(at(mask, t)) == 0) {
      memory.fill(row, 0, (<usize>width) << 2);
      continue;
    }
    for (let n = 0; n < width; n += 4) {
      const values = load4(at(from, t * stride + n), width - n);
      spoilt = madd(values, zero, spoilt);
      store4(at(row, n), values, width - n);
    }
  }
  return !v128.any_true(f32x4.ne(spoilt, zero));
}

/** Six columns of rows that lie `stride` apart, each row times its weight, as a block of `product`; weight 0 gives 0. */
export function packWeighted(from: usize, stride: i32, weights: usize, columns: i32, rows: i32, to: usize): void {
  for (let t = 0; t < rows; t++) {
    const block = at(to, t * ROWS);
    const weight = load<f32>(at(weights, t));
    const place = at(from, t * stride);
    if (columns >= ROWS && weight != 0) {
      const factor = f32x4.splat(weight);
      v128.store(block, f32x4.mul(v128.load(place), factor));
      v128.store64_lane(block, f32x4.mul(v128.load64_zero(place, 16), factor), 0, 16);
    } else {
      for (let i = 0; i < ROWS; i++) {
        store<f32>(at(block, i), i < columns && weight != 0 ? load<f32>(at(place, i)) * weight : 0);
      }
    }
  }
}
