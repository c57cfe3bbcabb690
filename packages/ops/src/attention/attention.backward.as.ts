import { exp } from "../../../wasm/src/snippets/exp.as.ts";
import { at, load4 } from "../../../wasm/src/snippets/memory.as.ts";
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { sums4 } from "../../../wasm/src/snippets/sum.as.ts";
import { TILE, accumulate, dots4, place } from "./attention.tile.as.ts";

/**
 * Pass 1, by queries. A unit is four rows as in the forward kernel; it makes their scores again, writes `dq`, and leaves
 * `dy · y - dlogSum` of each row in `means` for the second pass. Work `2 · (2 headDim + valueDim)` for a query and a key.
 */
export function attentionBackwardQueries(
  begin: i32, end: i32, scratch: usize,
  queries: i32, keys: i32, heads: i32, kvHeads: i32, headDim: i32, valueDim: i32, causal: i32, scaleBits: i32,
  q: usize, k: usize, v: usize, mask: usize, first: usize, y: usize, logSum: usize, dy: usize, dlogSum: usize, dq: usize, means: usize,
): void {
  const share = heads / kvHeads;
  const rows = queries * share;
  const blocks = (rows + 3) / 4;
  const scale = f32x4.splat(reinterpret<f32>(scaleBits));
  const slopes = scratch;
  for (let unit = begin; unit < end; unit++) {
    const b = unit / (kvHeads * blocks);
    const g = unit / blocks % kvHeads;
    const start = unit % blocks * 4;
    const count = min(4, rows - start);
    const r0 = place(start, rows, b, g, queries, heads, share);
    const r1 = place(start + 1, rows, b, g, queries, heads, share);
    const r2 = place(start + 2, rows, b, g, queries, heads, share);
    const r3 = place(start + 3, rows, b, g, queries, heads, share);
    const logs = fourOf(logSum, r0, r1, r2, r3);
    let mean = sums4(
      product(dy, y, r0, valueDim), product(dy, y, r1, valueDim), product(dy, y, r2, valueDim), product(dy, y, r3, valueDim),
    );
    if (dlogSum != 0) mean = f32x4.sub(mean, fourOf(dlogSum, r0, r1, r2, r3));
    const last = causal ? min(keys, (start + count - 1) / share + keys - queries + 1) : keys;
    const maskRow = mask == 0 ? 0 : at(mask, b * keys);
    for (let lane = 0; lane < count; lane++) {
      const row = place(start + lane, rows, b, g, queries, heads, share);
      memory.fill(at(dq, row * headDim), 0, (<usize>headDim) << 2);
    }
    scatterMeans(means, mean, r0, r1, r2, r3);
    const begin = first == 0 ? 0 : load<i32>(at(first, r0 / heads)) & -TILE; // firsts go up
    for (let tile = begin; tile < last; tile += TILE) {
      const size = min(TILE, last - tile);
      for (let j = 0; j < size; j++) {
        const key = (b * keys + tile + j) * kvHeads + g;
        const score = dots4(
          at(q, r0 * headDim), at(q, r1 * headDim), at(q, r2 * headDim), at(q, r3 * headDim), at(k, key * headDim), headDim,
        );
        const dweight = dots4(
          at(dy, r0 * valueDim), at(dy, r1 * valueDim), at(dy, r2 * valueDim), at(dy, r3 * valueDim),
          at(v, key * valueDim), valueDim,
        );
        const weight = exp(f32x4.sub(f32x4.mul(score, scale), logs));
        v128.store(slopes + ((<usize>j) << 4), f32x4.mul(f32x4.mul(weight, scale), f32x4.sub(dweight, mean)));
      }
      const keysAt = at(k, ((b * keys + tile) * kvHeads + g) * headDim);
      for (let lane = 0; lane < count; lane++) {
        const row = place(start + lane, rows, b, g, queries, heads, share);
        const limit = causal ? (start + lane) / share + keys - queries + 1 : keys;
        accumulate(
          at(dq, row * headDim), headDim, at(slopes, lane), keysAt, kvHeads * headDim,
          first == 0 ? 0 : max(0, load<i32>(at(first, row / heads)) - tile), min(size, limit - tile),
          maskRow == 0 ? 0 : at(maskRow, tile),
        );
      }
    }
  }
}

/**
 * Pass 2, by keys. A unit is four neighbouring keys of a head; queries pass them in tiles of 64, one head that shares them after the
 * other. Writes `dk` and `dv`. Work `2 · 2 (headDim + valueDim)` for a query and a key.
 */
export function attentionBackwardKeys(
  begin: i32, end: i32, scratch: usize,
  queries: i32, keys: i32, heads: i32, kvHeads: i32, headDim: i32, valueDim: i32, causal: i32, scaleBits: i32,
  q: usize, k: usize, v: usize, mask: usize, first: usize, logSum: usize, dy: usize, dk: usize, dv: usize, means: usize,
): void {
  const share = heads / kvHeads;
  const blocks = (keys + 3) / 4;
  const scale = f32x4.splat(reinterpret<f32>(scaleBits));
  const weights = scratch;
  const slopes = scratch + ((<usize>TILE) << 4);
  for (let unit = begin; unit < end; unit++) {
    const b = unit / (kvHeads * blocks);
    const g = unit / blocks % kvHeads;
    const start = unit % blocks * 4;
    const count = min(4, keys - start);
    const k0 = (b * keys + start) * kvHeads + g;
    const k1 = (b * keys + min(start + 1, keys - 1)) * kvHeads + g;
    const k2 = (b * keys + min(start + 2, keys - 1)) * kvHeads + g;
    const k3 = (b * keys + min(start + 3, keys - 1)) * kvHeads + g;
    for (let lane = 0; lane < count; lane++) {
      const key = (b * keys + start + lane) * kvHeads + g;
      memory.fill(at(dk, key * headDim), 0, (<usize>headDim) << 2);
      memory.fill(at(dv, key * valueDim), 0, (<usize>valueDim) << 2);
    }
    // the first query that sees the first key, and the one after the last that sees the last
    const early = causal ? max(0, start - (keys - queries)) : 0;
    const late = first == 0 ? queries : seenBy(at(first, b * queries), queries, start + count - 1);
    for (let head = g * share; head < (g + 1) * share; head++) {
      for (let tile = early; tile < late; tile += TILE) {
        const size = min(TILE, late - tile);
        const row = (b * queries + tile) * heads + head;
        for (let i = 0; i < size; i++) {
          const r = row + i * heads;
          const score = dots4(
            at(k, k0 * headDim), at(k, k1 * headDim), at(k, k2 * headDim), at(k, k3 * headDim), at(q, r * headDim), headDim,
          );
          const dweight = dots4(
            at(v, k0 * valueDim), at(v, k1 * valueDim), at(v, k2 * valueDim), at(v, k3 * valueDim),
            at(dy, r * valueDim), valueDim,
          );
          const weight = exp(f32x4.sub(f32x4.mul(score, scale), f32x4.splat(load<f32>(at(logSum, r)))));
          const mean = f32x4.splat(load<f32>(at(means, r)));
          v128.store(weights + ((<usize>i) << 4), weight);
          v128.store(slopes + ((<usize>i) << 4), f32x4.mul(f32x4.mul(weight, scale), f32x4.sub(dweight, mean)));
        }
        for (let lane = 0; lane < count; lane++) {
          if (mask != 0 && load<i32>(at(mask, b * keys + start + lane)) == 0) continue;
          const key = (b * keys + start + lane) * kvHeads + g;
          const seen = causal ? max(0, start + lane - (keys - queries) - tile) : 0;
          const end = first == 0 ? size : min(size, seenBy(at(first, b * queries), queries, start + lane) - tile);
          accumulate(at(dv, key * valueDim), valueDim, at(weights, lane), at(dy, row * valueDim), heads * valueDim, seen, end, 0);
          accumulate(at(dk, key * headDim), headDim, at(slopes, lane), at(q, row * headDim), heads * headDim, seen, end, 0);
        }
      }
    }
  }
}

/** How many queries may look at a key, as far as `first` says: those before the first whose first key comes later. */
function seenBy(first: usize, queries: i32, key: i32): i32 {
  let low = 0;
  let high = queries;
  while (low < high) {
    const middle = (low + high) / 2;
    if (load<i32>(at(first, middle)) <= key) low = middle + 1;
    else high = middle;
  }
  return low;
}

@inline
function fourOf(x: usize, r0: i32, r1: i32, r2: i32, r3: i32): v128 {
  return f32x4(load<f32>(at(x, r0)), load<f32>(at(x, r1)), load<f32>(at(x, r2)), load<f32>(at(x, r3)));
}

/** Four lanes whose sum is the product of two rows. */
@inline
function product(a: usize, b: usize, row: i32, size: i32): v128 {
  let sum = f32x4.splat(0);
  for (let i = 0; i < size; i += 4) {
    const count = size - i;
    sum = madd(load4(at(a, row * size + i), count), load4(at(b, row * size + i), count), sum);
  }
  return sum;
}

/** A row that stands for one that is not there gets its own number again. */
@inline
function scatterMeans(means: usize, mean: v128, r0: i32, r1: i32, r2: i32, r3: i32): void {
  v128.store_lane<f32>(at(means, r0), mean, 0);
  v128.store_lane<f32>(at(means, r1), mean, 1);
  v128.store_lane<f32>(at(means, r2), mean, 2);
  v128.store_lane<f32>(at(means, r3), mean, 3);
}
