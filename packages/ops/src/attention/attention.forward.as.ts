import { exp } from "../../../wasm/src/snippets/exp.as.ts";
import { at } from "../../../wasm/src/snippets/memory.as.ts";
import { TILE, accumulate, dots4, place, scaleBy } from "./attention.tile.as.ts";

/**
 * A unit is four rows, of queries and of the heads that share their keys; keys and values pass them in tiles of 64 under a
 * running maximum, weights and sums stand in scratch. Work `2 · (headDim + valueDim)` for a query and a key; keys and values are read
 * once for four rows. A row's numbers do not depend on the three beside it.
 */
export function attention(
  begin: i32, end: i32, scratch: usize,
  queries: i32, keys: i32, heads: i32, kvHeads: i32, headDim: i32, valueDim: i32, causal: i32, scaleBits: i32,
  q: usize, k: usize, v: usize, mask: usize, first: usize, y: usize, logSum: usize,
): void {
  const share = heads / kvHeads;
  const rows = queries * share;
  const blocks = (rows + 3) / 4;
  const scale = f32x4.splat(reinterpret<f32>(scaleBits));
  const nothing = f32x4.splat(-Infinity);
  const weights = scratch;
  const sums = scratch + ((<usize>TILE) << 4);
  for (let unit = begin; unit < end; unit++) {
    const b = unit / (kvHeads * blocks);
    const g = unit / blocks % kvHeads;
    const start = unit % blocks * 4;
    const r0 = place(start, rows, b, g, queries, heads, share);
    const r1 = place(start + 1, rows, b, g, queries, heads, share);
    const r2 = place(start + 2, rows, b, g, queries, heads, share);
    const r3 = place(start + 3, rows, b, g, queries, heads, share);
    // what each row may see ends before this key
    const limits = causal
      ? i32x4.add(i32x4(start / share, (start + 1) / share, (start + 2) / share, (start + 3) / share), i32x4.splat(keys - queries + 1))
      : i32x4.splat(keys);
    // and begins at this one; firsts go up
    const begins = first == 0 ? i32x4.splat(0) : i32x4(
      load<i32>(at(first, r0 / heads)), load<i32>(at(first, r1 / heads)), load<i32>(at(first, r2 / heads)), load<i32>(at(first, r3 / heads)),
    );
    const most = min(keys, i32x4.extract_lane(limits, 3));
    const maskRow = mask == 0 ? 0 : at(mask, b * keys);
    const count = min(4, rows - start);
    memory.fill(sums, 0, (<usize>(4 * valueDim)) << 2);
    let peak = nothing;
    let total = f32x4.splat(0);
    let seen = i32x4.splat(0); // whether a row saw a key at all
    for (let tile = i32x4.extract_lane(begins, 0) & -TILE; tile < most; tile += TILE) {
      const size = min(TILE, most - tile);
      let highest = nothing;
      for (let j = 0; j < size; j++) {
        const key = tile + j;
        let score = f32x4.mul(scale, dots4(
          at(q, r0 * headDim), at(q, r1 * headDim), at(q, r2 * headDim), at(q, r3 * headDim),
          at(k, ((b * keys + key) * kvHeads + g) * headDim), headDim,
        ));
        const visible = maskRow != 0 && load<i32>(at(maskRow, key)) == 0
          ? i32x4.splat(0)
          : v128.and(i32x4.gt_s(limits, i32x4.splat(key)), i32x4.le_s(begins, i32x4.splat(key)));
        seen = v128.or(seen, visible);
        score = v128.bitselect(score, nothing, visible);
        v128.store(weights + ((<usize>j) << 4), score);
        highest = f32x4.max(highest, score);
      }
      const before = peak;
      peak = f32x4.max(peak, highest);
      // -Infinity less itself is no number
      const base = v128.andnot(peak, f32x4.eq(peak, nothing));
      let added = f32x4.splat(0);
      for (let j = 0; j < size; j++) {
        const weight = exp(f32x4.sub(v128.load(weights + ((<usize>j) << 4)), base));
        v128.store(weights + ((<usize>j) << 4), weight);
        added = f32x4.add(added, weight);
      }
      const shrink = exp(f32x4.sub(before, base));
      total = f32x4.add(f32x4.mul(total, shrink), added);
      const values = at(v, ((b * keys + tile) * kvHeads + g) * valueDim);
      const maskTile = maskRow == 0 ? 0 : at(maskRow, tile);
      for (let lane = 0; lane < count; lane++) {
        const sum = at(sums, lane * valueDim);
        scaleBy(sum, valueDim, laneOf(shrink, lane));
        const last = min(size, laneOfInts(limits, lane) - tile);
        accumulate(sum, valueDim, at(weights, lane), values, kvHeads * valueDim, max(0, laneOfInts(begins, lane) - tile), last, maskTile);
      }
    }
    for (let lane = 0; lane < count; lane++) {
      const row = lane == 0 ? r0 : lane == 1 ? r1 : lane == 2 ? r2 : r3;
      const sum = laneOf(total, lane);
      store<f32>(at(logSum, row), <f32>(<f64>laneOf(peak, lane) + Math.log(<f64>sum)));
      scaleBy(at(sums, lane * valueDim), valueDim, laneOfInts(seen, lane) ? 1 / sum : 0);
      memory.copy(at(y, row * valueDim), at(sums, lane * valueDim), (<usize>valueDim) << 2);
    }
  }
}

@inline
function laneOf(values: v128, lane: i32): f32 {
  switch (lane) {
    case 0: return f32x4.extract_lane(values, 0);
    case 1: return f32x4.extract_lane(values, 1);
    case 2: return f32x4.extract_lane(values, 2);
    default: return f32x4.extract_lane(values, 3);
  }
}

@inline
function laneOfInts(values: v128, lane: i32): i32 {
  return reinterpret<i32>(laneOf(values, lane));
}
