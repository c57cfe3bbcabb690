import { exp } from "../../../wasm/src/snippets/exp.as.ts";
import { at, load4 } from "../../../wasm/src/snippets/memory.as.ts";
import { COLUMNS, packRows, product, ROWS } from "../../../wasm/src/snippets/product.as.ts";
import { addVisible, BEGIN, LIMIT, packRow, place, SPAN } from "./attention.tile.as.ts";

/** Panels of eight rows of queries in a unit; a packed tile stays in the first-level cache while they pass. */
const PANELS: i32 = 8;

/** Floats of a packed tile: keys `group headDim 6`, values `group key 6` by channels, and whether all values are finite. */
@inline
function tileSize(headDim: i32, valueDim: i32): i32 {
  return SPAN * headDim + (valueDim + ROWS - 1) / ROWS * ROWS * SPAN + 4;
}

/**
 * First pass: packs keys and values of a head as the products of the second read them, those that are masked as zeros. A unit is
 * a tile of 48 keys of a head. Moves 16 bytes an element.
 */
export function attentionPack(
  begin: i32, end: i32, _scratch: usize,
  keys: i32, kvHeads: i32, headDim: i32, valueDim: i32,
  k: usize, v: usize, mask: usize, packed: usize,
): void {
  const tiles = (keys + SPAN - 1) / SPAN;
  for (let unit = begin; unit < end; unit++) {
    const start = unit % tiles * SPAN;
    const b = unit / tiles / kvHeads;
    const row = (b * keys + start) * kvHeads + unit / tiles % kvHeads;
    const size = min(SPAN, keys - start);
    const keysTo = at(packed, unit * tileSize(headDim, valueDim));
    for (let j = 0; j < size; j += ROWS) {
      packRows(at(k, (row + j * kvHeads) * headDim), kvHeads * headDim, 1, size - j, headDim, at(keysTo, j * headDim));
    }
    const valuesTo = at(keysTo, SPAN * headDim);
    let sums = f32x4.splat(0);
    for (let c = 0; c < valueDim; c += ROWS) {
      const group = at(valuesTo, c * SPAN);
      packRows(at(v, row * valueDim + c), 1, kvHeads * valueDim, valueDim - c, size, group);
      if (mask != 0) {
        for (let j = 0; j < size; j++) {
          if (load<i32>(at(mask, b * keys + start + j)) == 0) memory.fill(at(group, j * ROWS), 0, ROWS << 2);
        }
      }
      for (let i = 0; i < size * ROWS; i += 4) {
        sums = f32x4.add(sums, f32x4.mul(f32x4.splat(0), load4(at(group, i), size * ROWS - i)));
      }
    }
    store<i32>(at(valuesTo, tileSize(headDim, valueDim) - SPAN * headDim - 4), i32(v128.all_true<i32>(f32x4.eq(sums, sums))));
  }
}

/**
 * Second pass: a unit is 64 rows, of queries and of the heads that share their keys, in panels of eight. Packed tiles of 48 keys pass
 * them; scores, weights and sums of a panel stand in scratch with a row in a lane, so that a softmax runs down the columns. Work
 * `2 · (headDim + valueDim)` for a query and a key; a tile is read once for 64 rows. Suits eight queries and more, for the packing of keys and values to pay. A row's numbers do not
 * depend on those beside it.
 *
 * A weight of 0 takes nothing from a value, unless that is infinite or no number: then the tile is summed value by value.
 */
export function attentionTiled(
  begin: i32, end: i32, scratch: usize,
  queries: i32, keys: i32, heads: i32, kvHeads: i32, headDim: i32, valueDim: i32, causal: i32, scaleBits: i32,
  q: usize, v: usize, mask: usize, first: usize, y: usize, logSum: usize, packed: usize,
): void {
  const share = heads / kvHeads;
  const rows = queries * share;
  const blocks = (rows + PANELS * COLUMNS - 1) / (PANELS * COLUMNS);
  const tiles = (keys + SPAN - 1) / SPAN;
  const scale = reinterpret<f32>(scaleBits);
  const panels = scratch; // of queries, and of what they read
  const sums = at(panels, PANELS * COLUMNS * headDim);
  const weights = at(sums, PANELS * COLUMNS * valueDim);
  const books = at(weights, SPAN * COLUMNS);
  for (let unit = begin; unit < end; unit++) {
    const head = unit / blocks; // of keys, of all sequences
    const b = head / kvHeads;
    const g = head % kvHeads;
    const start = unit % blocks * PANELS * COLUMNS;
    const count = min(PANELS, (rows - start + COLUMNS - 1) / COLUMNS);
    for (let i = 0; i < count * COLUMNS; i++) {
      const row = place(start + i, rows, b, g, queries, heads, share);
      packRow(at(q, row * headDim), headDim, scale, at(panels, i / COLUMNS * headDim * COLUMNS + i % COLUMNS));
      openBook(at(books, i / COLUMNS * BOOK + i % COLUMNS), row / heads % queries, first == 0 ? 0 : load<i32>(at(first, row / heads)), causal, queries, keys);
    }
    memory.fill(sums, 0, (<usize>(count * COLUMNS * valueDim)) << 2);
    const last = load<i32>(at(books, (count - 1) * BOOK + LIMIT + COLUMNS - 1));
    for (let tile = load<i32>(at(books, BEGIN)) / SPAN; tile * SPAN < last; tile++) {
      const from = tile * SPAN;
      const keysOf = at(packed, (head * tiles + tile) * tileSize(headDim, valueDim));
      const valuesOf = at(keysOf, SPAN * headDim);
      const isFinite = load<i32>(at(valuesOf, tileSize(headDim, valueDim) - SPAN * headDim - 4));
      const maskTile = mask == 0 ? 0 : at(mask, b * keys + from);
      for (let p = 0; p < count; p++) {
        const book = at(books, p * BOOK);
        const size = min(SPAN, load<i32>(at(book, LIMIT + COLUMNS - 1)) - from);
        if (size <= 0 || load<i32>(at(book, BEGIN)) >= from + SPAN) continue;
        product(keysOf, at(panels, p * headDim * COLUMNS), 0, weights, COLUMNS, size, headDim, COLUMNS, false);
        const sum = at(sums, p * valueDim * COLUMNS);
        weigh(weights, size, from, maskTile, book, sum, valueDim);
        if (isFinite) {
          for (let c = 0; c < valueDim; c += ROWS) {
            product(at(valuesOf, c * SPAN), weights, 0, at(sum, c * COLUMNS), COLUMNS, min(ROWS, valueDim - c), size, COLUMNS, true);
          }
        } else {
          const values = at(v, ((b * keys + from) * kvHeads + g) * valueDim);
          addVisible(weights, size, from, maskTile, book, sum, valueDim, values, kvHeads * valueDim);
        }
      }
    }
    for (let i = 0; i < min(rows - start, count * COLUMNS); i++) {
      const row = place(start + i, rows, b, g, queries, heads, share);
      const book = at(books, i / COLUMNS * BOOK + i % COLUMNS);
      const total = load<f32>(at(book, TOTAL));
      store<f32>(at(logSum, row), <f32>(<f64>load<f32>(at(book, PEAK)) + Math.log(<f64>total)));
      const factor: f32 = load<i32>(at(book, SEEN)) ? 1 / total : 0;
      const sum = at(sums, i / COLUMNS * valueDim * COLUMNS + i % COLUMNS);
      for (let c = 0; c < valueDim; c++) store<f32>(at(y, row * valueDim + c), factor * load<f32>(at(sum, c * COLUMNS)));
    }
  }
}

// Of a panel are noted too, each in eight places: highest score, sum of weights, whether a row saw a key at all.
const PEAK: i32 = 16;
const TOTAL: i32 = 24;
const SEEN: i32 = 32;
const BOOK: i32 = 40;

@inline
function openBook(book: usize, query: i32, begin: i32, causal: i32, queries: i32, keys: i32): void {
  store<i32>(at(book, BEGIN), begin);
  store<i32>(at(book, LIMIT), causal ? query + keys - queries + 1 : keys);
  store<f32>(at(book, PEAK), -Infinity);
  store<f32>(at(book, TOTAL), 0);
  store<i32>(at(book, SEEN), 0);
}

/** Turns the scores of a tile into weights under the running maximum, and brings the sums to that. */
function weigh(weights: usize, size: i32, from: i32, mask: usize, book: usize, sum: usize, valueDim: i32): void {
  for (let half = 0; half < COLUMNS; half += 4) {
    const scores = at(weights, half);
    const lanes = at(book, half);
    const nothing = f32x4.splat(-Infinity);
    const begins = v128.load(at(lanes, BEGIN));
    const limits = v128.load(at(lanes, LIMIT));
    const isWhole = mask == 0 &&
      v128.all_true<i32>(i32x4.le_s(begins, i32x4.splat(from))) && v128.all_true<i32>(i32x4.ge_s(limits, i32x4.splat(from + size)));
    let highest = nothing;
    let seen = v128.load(at(lanes, SEEN));
    if (isWhole) {
      seen = i32x4.splat(-1);
      for (let j = 0; j < size; j++) highest = f32x4.max(highest, v128.load(at(scores, j * COLUMNS)));
    } else {
      for (let j = 0; j < size; j++) {
        const key = i32x4.splat(from + j);
        let visible = v128.and(i32x4.gt_s(limits, key), i32x4.le_s(begins, key));
        if (mask != 0 && load<i32>(at(mask, j)) == 0) visible = i32x4.splat(0);
        seen = v128.or(seen, visible);
        const score = v128.bitselect(v128.load(at(scores, j * COLUMNS)), nothing, visible);
        v128.store(at(scores, j * COLUMNS), score);
        highest = f32x4.max(highest, score);
      }
    }
    v128.store(at(lanes, SEEN), seen);
    const before = v128.load(at(lanes, PEAK));
    const peak = f32x4.max(before, highest);
    // -Infinity less itself is no number
    const base = v128.andnot(peak, f32x4.eq(peak, nothing));
    let added = f32x4.splat(0);
    for (let j = 0; j < size; j++) {
      const weight = exp(f32x4.sub(v128.load(at(scores, j * COLUMNS)), base));
      v128.store(at(scores, j * COLUMNS), weight);
      added = f32x4.add(added, weight);
    }
    v128.store(at(lanes, PEAK), peak);
    const shrink = exp(f32x4.sub(before, base));
    v128.store(at(lanes, TOTAL), f32x4.add(f32x4.mul(v128.load(at(lanes, TOTAL)), shrink), added));
    if (v128.all_true<i32>(f32x4.eq(shrink, f32x4.splat(1)))) continue;
    for (let c = 0; c < valueDim; c++) {
      const place = at(sum, c * COLUMNS + half);
      v128.store(place, f32x4.mul(v128.load(place), shrink));
    }
  }
}
