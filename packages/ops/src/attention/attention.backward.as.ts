import { exp } from "../../../wasm/src/snippets/exp.as.ts";
import { at, load4 } from "../../../wasm/src/snippets/memory.as.ts";
import { COLUMNS, product, ROWS } from "../../../wasm/src/snippets/product.as.ts";
import { addVisible, BEGIN, LIMIT, packRow, place, SPAN } from "./attention.tile.as.ts";

/** Panels of eight in a unit: what passes them is packed once for 128. */
const PANELS: i32 = 16;

// Of a panel of queries are noted too, each in eight places, its `logSum` and `dy · y - dlogSum`.
const LOG: i32 = 16;
const MEAN: i32 = 24;
const BOOK: i32 = 32;

/**
 * Pass 1, by queries. A unit is 128 rows, of queries and of the heads that share their keys, in panels of eight; keys and values pass
 * in tiles of 48, packed for products. Writes `dq`, and leaves `dy · y - dlogSum` of each row in `means` for the second pass. Work
 * `2 · (2 headDim + valueDim)` for a query and a key.
 */
export function attentionBackwardQueries(
  begin: i32, end: i32, scratch: usize,
  queries: i32, keys: i32, heads: i32, kvHeads: i32, headDim: i32, valueDim: i32, causal: i32, scaleBits: i32,
  q: usize, k: usize, v: usize, mask: usize, first: usize, y: usize, logSum: usize, dy: usize, dlogSum: usize, dq: usize, means: usize,
): void {
  const share = heads / kvHeads;
  const rows = queries * share;
  const blocks = (rows + PANELS * COLUMNS - 1) / (PANELS * COLUMNS);
  const scale = reinterpret<f32>(scaleBits);
  const qPanels = scratch;
  const dyPanels = at(qPanels, PANELS * COLUMNS * headDim);
  const sums = at(dyPanels, PANELS * COLUMNS * valueDim);
  const tileOfK = at(sums, PANELS * COLUMNS * headDim);
  const columnsOfK = at(tileOfK, SPAN * headDim);
  const tileOfV = at(columnsOfK, SPAN * upToRows(headDim));
  const slopes = at(tileOfV, SPAN * valueDim);
  const dweights = at(slopes, SPAN * COLUMNS);
  const books = at(dweights, SPAN * COLUMNS);
  for (let unit = begin; unit < end; unit++) {
    const b = unit / blocks / kvHeads;
    const g = unit / blocks % kvHeads;
    const start = unit % blocks * PANELS * COLUMNS;
    const count = min(PANELS, (rows - start + COLUMNS - 1) / COLUMNS);
    for (let i = 0; i < count * COLUMNS; i++) {
      const row = place(start + i, rows, b, g, queries, heads, share);
      const panel = i / COLUMNS;
      const lane = i % COLUMNS;
      packRow(at(q, row * headDim), headDim, scale, at(qPanels, panel * headDim * COLUMNS + lane));
      packRow(at(dy, row * valueDim), valueDim, 1, at(dyPanels, panel * valueDim * COLUMNS + lane));
      const book = at(books, panel * BOOK + lane);
      store<i32>(at(book, BEGIN), first == 0 ? 0 : load<i32>(at(first, row / heads)));
      store<i32>(at(book, LIMIT), causal ? row / heads % queries + keys - queries + 1 : keys);
      store<f32>(at(book, LOG), load<f32>(at(logSum, row)));
      const mean = dot(at(dy, row * valueDim), at(y, row * valueDim), valueDim) - (dlogSum == 0 ? 0 : load<f32>(at(dlogSum, row)));
      store<f32>(at(book, MEAN), mean);
      store<f32>(at(means, row), mean);
    }
    memory.fill(sums, 0, (<usize>(count * COLUMNS * headDim)) << 2);
    const last = load<i32>(at(books, (count - 1) * BOOK + LIMIT + COLUMNS - 1));
    for (let from = load<i32>(at(books, BEGIN)) / SPAN * SPAN; from < last; from += SPAN) {
      const row = (b * keys + from) * kvHeads + g;
      let isFinite = true;
      for (let j = 0; j < min(SPAN, last - from); j++) {
        isFinite = packElement(at(k, (row + j * kvHeads) * headDim), headDim, j, tileOfK, columnsOfK) && isFinite;
        packElement(at(v, (row + j * kvHeads) * valueDim), valueDim, j, tileOfV, 0);
      }
      const maskTile = mask == 0 ? 0 : at(mask, b * keys + from);
      for (let p = 0; p < count; p++) {
        const book = at(books, p * BOOK);
        const size = min(SPAN, load<i32>(at(book, LIMIT + COLUMNS - 1)) - from);
        if (size <= 0 || load<i32>(at(book, BEGIN)) >= from + SPAN) continue;
        product(tileOfK, at(qPanels, p * headDim * COLUMNS), 0, slopes, COLUMNS, size, headDim, COLUMNS, false);
        product(tileOfV, at(dyPanels, p * valueDim * COLUMNS), 0, dweights, COLUMNS, size, valueDim, COLUMNS, false);
        for (let half = 0; half < COLUMNS; half += 4) {
          const begins = v128.load(at(book, BEGIN + half));
          const limits = v128.load(at(book, LIMIT + half));
          const log = v128.load(at(book, LOG + half));
          const mean = v128.load(at(book, MEAN + half));
          for (let j = 0; j < size; j++) {
            const to = at(slopes, j * COLUMNS + half);
            const isThere = mask == 0 || load<i32>(at(maskTile, j)) != 0;
            const visible = v128.and(isThere ? i32x4.splat(-1) : i32x4.splat(0), between(from + j, begins, limits));
            const weight = f32x4.mul(f32x4.splat(scale), exp(f32x4.sub(v128.load(to), log)));
            v128.store(to, v128.and(f32x4.mul(weight, f32x4.sub(v128.load(at(dweights, j * COLUMNS + half)), mean)), visible));
          }
        }
        const to = at(sums, p * headDim * COLUMNS);
        addColumns(columnsOfK, slopes, size, to, headDim, isFinite, from, maskTile, book, at(k, row * headDim), kvHeads * headDim);
      }
    }
    for (let i = 0; i < min(rows - start, count * COLUMNS); i++) {
      const row = place(start + i, rows, b, g, queries, heads, share);
      unpackRow(at(sums, i / COLUMNS * headDim * COLUMNS + i % COLUMNS), headDim, at(dq, row * headDim));
    }
  }
}

/**
 * Pass 2, by keys. A unit is 128 keys of a head in panels of eight; rows of queries pass in tiles of 48, packed for products. Writes
 * `dk` and `dv`. Work `2 · 2 (headDim + valueDim)` for a query and a key.
 */
export function attentionBackwardKeys(
  begin: i32, end: i32, scratch: usize,
  queries: i32, keys: i32, heads: i32, kvHeads: i32, headDim: i32, valueDim: i32, causal: i32, scaleBits: i32,
  q: usize, k: usize, v: usize, mask: usize, first: usize, logSum: usize, dy: usize, dk: usize, dv: usize, means: usize,
): void {
  const share = heads / kvHeads;
  const rows = queries * share;
  const blocks = (keys + PANELS * COLUMNS - 1) / (PANELS * COLUMNS);
  const scale = reinterpret<f32>(scaleBits);
  const kPanels = scratch;
  const vPanels = at(kPanels, PANELS * COLUMNS * headDim);
  const kSums = at(vPanels, PANELS * COLUMNS * valueDim);
  const vSums = at(kSums, PANELS * COLUMNS * headDim);
  const tileOfQ = at(vSums, PANELS * COLUMNS * valueDim);
  const columnsOfQ = at(tileOfQ, SPAN * headDim);
  const tileOfDy = at(columnsOfQ, SPAN * upToRows(headDim));
  const columnsOfDy = at(tileOfDy, SPAN * valueDim);
  const weights = at(columnsOfDy, SPAN * upToRows(valueDim));
  const slopes = at(weights, SPAN * COLUMNS);
  const copies = at(slopes, SPAN * COLUMNS); // of the rows of a tile, for what is not finite
  const logs = at(copies, SPAN * (headDim + valueDim)); // their logSums, then their means
  const books = at(logs, SPAN * 2);
  for (let unit = begin; unit < end; unit++) {
    const b = unit / blocks / kvHeads;
    const g = unit / blocks % kvHeads;
    const start = unit % blocks * PANELS * COLUMNS;
    const count = min(PANELS, (keys - start + COLUMNS - 1) / COLUMNS);
    let earliest = rows;
    let last = 0;
    for (let i = 0; i < count * COLUMNS; i++) {
      const key = min(start + i, keys - 1);
      const row = (b * keys + key) * kvHeads + g;
      const panel = i / COLUMNS;
      const lane = i % COLUMNS;
      packRow(at(k, row * headDim), headDim, scale, at(kPanels, panel * headDim * COLUMNS + lane));
      packRow(at(v, row * valueDim), valueDim, 1, at(vPanels, panel * valueDim * COLUMNS + lane));
      const book = at(books, panel * BOOK + lane);
      const isThere = mask == 0 || load<i32>(at(mask, b * keys + key)) != 0;
      const early = causal ? share * max(0, key - (keys - queries)) : 0;
      const late = first == 0 ? rows : share * seenBy(at(first, b * queries), queries, key);
      store<i32>(at(book, BEGIN), early);
      store<i32>(at(book, LIMIT), isThere ? late : 0);
      earliest = min(earliest, early);
      last = max(last, isThere ? late : 0);
    }
    memory.fill(kSums, 0, (<usize>(count * COLUMNS * headDim)) << 2);
    memory.fill(vSums, 0, (<usize>(count * COLUMNS * valueDim)) << 2);
    for (let from = earliest / SPAN * SPAN; from < last; from += SPAN) {
      const length = min(SPAN, last - from);
      let isFinite = true;
      for (let j = 0; j < length; j++) {
        const row = place(from + j, rows, b, g, queries, heads, share);
        isFinite = packElement(at(q, row * headDim), headDim, j, tileOfQ, columnsOfQ) && isFinite;
        isFinite = packElement(at(dy, row * valueDim), valueDim, j, tileOfDy, columnsOfDy) && isFinite;
        store<f32>(at(logs, j), load<f32>(at(logSum, row)));
        store<f32>(at(logs, SPAN + j), load<f32>(at(means, row)));
      }
      if (!isFinite) {
        for (let j = 0; j < length; j++) {
          const row = place(from + j, rows, b, g, queries, heads, share);
          memory.copy(at(copies, j * headDim), at(q, row * headDim), (<usize>headDim) << 2);
          memory.copy(at(copies, SPAN * headDim + j * valueDim), at(dy, row * valueDim), (<usize>valueDim) << 2);
        }
      }
      for (let p = 0; p < count; p++) {
        const book = at(books, p * BOOK);
        const size = min(SPAN, highest(at(book, LIMIT)) - from);
        if (size <= 0 || load<i32>(at(book, BEGIN)) >= from + SPAN) continue;
        product(tileOfQ, at(kPanels, p * headDim * COLUMNS), 0, weights, COLUMNS, size, headDim, COLUMNS, false);
        product(tileOfDy, at(vPanels, p * valueDim * COLUMNS), 0, slopes, COLUMNS, size, valueDim, COLUMNS, false);
        for (let half = 0; half < COLUMNS; half += 4) {
          const begins = v128.load(at(book, BEGIN + half));
          const limits = v128.load(at(book, LIMIT + half));
          for (let j = 0; j < size; j++) {
            const to = at(weights, j * COLUMNS + half);
            const slope = at(slopes, j * COLUMNS + half);
            const visible = between(from + j, begins, limits);
            const weight = v128.and(exp(f32x4.sub(v128.load(to), v128.load_splat<f32>(at(logs, j)))), visible);
            const dweight = f32x4.sub(v128.load(slope), v128.load_splat<f32>(at(logs, SPAN + j)));
            v128.store(to, weight);
            v128.store(slope, v128.and(f32x4.mul(f32x4.mul(f32x4.splat(scale), weight), dweight), visible));
          }
        }
        addColumns(columnsOfQ, slopes, size, at(kSums, p * headDim * COLUMNS), headDim, isFinite, from, 0, book, copies, headDim);
        const toV = at(vSums, p * valueDim * COLUMNS);
        addColumns(columnsOfDy, weights, size, toV, valueDim, isFinite, from, 0, book, at(copies, SPAN * headDim), valueDim);
      }
    }
    for (let i = 0; i < min(keys - start, count * COLUMNS); i++) {
      const row = (b * keys + start + i) * kvHeads + g;
      unpackRow(at(kSums, i / COLUMNS * headDim * COLUMNS + i % COLUMNS), headDim, at(dk, row * headDim));
      unpackRow(at(vSums, i / COLUMNS * valueDim * COLUMNS + i % COLUMNS), valueDim, at(dv, row * valueDim));
    }
  }
}

@inline
function upToRows(size: i32): i32 {
  return (size + ROWS - 1) / ROWS * ROWS;
}

/** Lanes whose range has a place. */
@inline
function between(index: i32, begins: v128, limits: v128): v128 {
  return v128.and(i32x4.gt_s(limits, i32x4.splat(index)), i32x4.le_s(begins, i32x4.splat(index)));
}

@inline
function highest(limits: usize): i32 {
  let most = 0;
  for (let lane = 0; lane < COLUMNS; lane++) most = max(most, load<i32>(at(limits, lane)));
  return most;
}

/**
 * Element `j` of a tile, a row of `size` numbers, as one of six rows, `group size 6`, and with `columns` as six columns,
 * `group element 6`. Says whether all are finite.
 */
function packElement(from: usize, size: i32, j: i32, tile: usize, columns: usize): bool {
  const row = at(tile, j / ROWS * ROWS * size + j % ROWS);
  for (let d = 0; d < size; d++) store<f32>(at(row, d * ROWS), load<f32>(at(from, d)));
  let strange = i32x4.splat(0);
  for (let d = 0; d < size; d += 4) {
    const nothing = f32x4.mul(load4(at(from, d), size - d), f32x4.splat(0));
    strange = v128.or(strange, f32x4.ne(nothing, f32x4.splat(0)));
  }
  if (columns != 0) {
    let d = 0;
    for (; d + ROWS <= size; d += ROWS) copyRow(at(from, d), at(columns, d * SPAN + j * ROWS));
    const last = at(columns, d * SPAN + j * ROWS);
    for (let c = 0; c < (d < size ? ROWS : 0); c++) store<f32>(at(last, c), d + c < size ? load<f32>(at(from, d + c)) : 0);
  }
  return !v128.any_true(strange);
}

/** Six numbers. */
@inline
function copyRow(from: usize, to: usize): void {
  v128.store(to, v128.load(from));
  store<i64>(to, load<i64>(from, 16), 16);
}

/** `sum[c, lane] += sum over j of x[j, c] · weights[j, lane]` over the elements of a tile; value by value where some are not finite. */
function addColumns(
  columns: usize, weights: usize, size: i32, sum: usize, dim: i32, isFinite: bool,
  from: i32, mask: usize, book: usize, x: usize, stride: i32,
): void {
  if (!isFinite) {
    addVisible(weights, size, from, mask, book, sum, dim, x, stride);
    return;
  }
  for (let c = 0; c < dim; c += ROWS) {
    product(at(columns, c * SPAN), weights, 0, at(sum, c * COLUMNS), COLUMNS, min(ROWS, dim - c), size, COLUMNS, true);
  }
}

@inline
function unpackRow(from: usize, size: i32, to: usize): void {
  for (let d = 0; d < size; d++) store<f32>(at(to, d), load<f32>(at(from, d * COLUMNS)));
}

/** The product of two rows, in four lanes. */
@inline
function dot(a: usize, b: usize, size: i32): f32 {
  let sum = f32x4.splat(0);
  for (let i = 0; i < size; i += 4) sum = f32x4.add(sum, f32x4.mul(load4(at(a, i), size - i), load4(at(b, i), size - i)));
  return f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1) + (f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3));
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
