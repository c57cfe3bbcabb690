/**
 * Inner loops of matrix products. Operands are packed so that a tile reads both from start to end: `a` in blocks of six
 * rows, `depth 6`, and `b` in panels of eight columns, `depth 8`; what a last block or panel lacks is zeros.
 */
import { transpose } from "./lanes.as.ts";
import { madd } from "./madd.as.ts";
import { at, load4, store4 } from "./memory.as.ts";

/** Rows and columns of a tile: its twelve sums, two vectors of `b` and one of `a` are all the registers there are. */
export const ROWS = 6;
export const COLUMNS = 8;

/**
 * `c[m, n] = sum over k of a[m, k] · b[k, n]` of packed operands, added to what is there if `more`. Panels lie
 * `panelStride` elements apart, rows of `c` `stride`.
 */
export function product(
  a: usize, b: usize, panelStride: i32, c: usize, stride: i32, rows: i32, depth: i32, columns: i32, more: bool,
): void {
  for (let column = 0; column < columns; column += COLUMNS) {
    for (let row = 0; row < rows; row += ROWS) {
      tile(at(a, row * depth), b, at(c, row * stride + column), depth, stride, rows - row, columns - column, more);
    }
    b = at(b, panelStride);
  }
}

/** Up to six rows as `depth 6`; those that are not there are zeros. */
export function packRows(a: usize, rowStride: i32, depthStride: i32, rows: i32, depth: i32, to: usize): void {
  if (rows < ROWS) {
    memory.fill(to, 0, (<usize>(ROWS * depth)) << 2);
    for (let k = 0; k < depth; k++) {
      for (let row = 0; row < rows; row++) {
        store<f32>(at(to, k * ROWS + row), load<f32>(at(a, row * rowStride + k * depthStride)));
      }
    }
    return;
  }
  let k = 0;
  if (depthStride == 1) {
    const a4 = at(a, rowStride * 4);
    const a5 = at(a, rowStride * 5);
    for (; k + 4 <= depth; k += 4, to += ROWS * 16) {
      transpose(at(a, k), rowStride, to, ROWS);
      const x = v128.load(at(a4, k));
      const y = v128.load(at(a5, k));
      const low = i32x4.shuffle(x, y, 0, 4, 1, 5);
      const high = i32x4.shuffle(x, y, 2, 6, 3, 7);
      v128.store64_lane(to, low, 0, 16);
      v128.store64_lane(to, low, 1, 40);
      v128.store64_lane(to, high, 0, 64);
      v128.store64_lane(to, high, 1, 88);
    }
  }
  for (; k < depth; k++, to += ROWS * 4) {
    const from = at(a, k * depthStride);
    store<f32>(to, load<f32>(from));
    store<f32>(to, load<f32>(at(from, rowStride)), 4);
    store<f32>(to, load<f32>(at(from, rowStride * 2)), 8);
    store<f32>(to, load<f32>(at(from, rowStride * 3)), 12);
    store<f32>(to, load<f32>(at(from, rowStride * 4)), 16);
    store<f32>(to, load<f32>(at(from, rowStride * 5)), 20);
  }
}

/**
 * Rows whose elements of one `k` are neighbours, in blocks of six one behind the other. Each `k` is read once, for its
 * elements may lie so far from the next one's that a cache keeps few of them.
 */
export function packNeighbours(a: usize, depthStride: i32, rows: i32, depth: i32, to: usize): void {
  for (let k = 0; k < depth; k++) {
    const from = at(a, k * depthStride);
    let place = at(to, k * ROWS);
    let row = 0;
    for (; row + ROWS <= rows; row += ROWS, place = at(place, ROWS * depth)) {
      v128.store(place, v128.load(at(from, row)));
      store<u64>(place, load<u64>(at(from, row), 16), 16);
    }
    for (let more = 0; row < rows && more < ROWS; more++) {
      store<f32>(at(place, more), row + more < rows ? load<f32>(at(from, row + more)) : 0);
    }
  }
}

/** Six rows by eight columns, of which so many are stored; added to what is there if `more`. */
@inline
function tile(a: usize, b: usize, c: usize, depth: i32, stride: i32, rows: i32, columns: i32, more: bool): void {
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0;
  let t0 = s0, t1 = s0, t2 = s0, t3 = s0, t4 = s0, t5 = s0;
  const end = at(b, depth * COLUMNS);
  for (; b < end; b += COLUMNS * 4, a += ROWS * 4) {
    const low = v128.load(b);
    const high = v128.load(b, 16);
    let x = v128.load_splat<f32>(a);
    s0 = madd(x, low, s0);
    t0 = madd(x, high, t0);
    x = v128.load_splat<f32>(a, 4);
    s1 = madd(x, low, s1);
    t1 = madd(x, high, t1);
    x = v128.load_splat<f32>(a, 8);
    s2 = madd(x, low, s2);
    t2 = madd(x, high, t2);
    x = v128.load_splat<f32>(a, 12);
    s3 = madd(x, low, s3);
    t3 = madd(x, high, t3);
    x = v128.load_splat<f32>(a, 16);
    s4 = madd(x, low, s4);
    t4 = madd(x, high, t4);
    x = v128.load_splat<f32>(a, 20);
    s5 = madd(x, low, s5);
    t5 = madd(x, high, t5);
  }
  storeRow(c, s0, t0, columns, more);
  if (rows > 1) storeRow(at(c, stride), s1, t1, columns, more);
  if (rows > 2) storeRow(at(c, stride * 2), s2, t2, columns, more);
  if (rows > 3) storeRow(at(c, stride * 3), s3, t3, columns, more);
  if (rows > 4) storeRow(at(c, stride * 4), s4, t4, columns, more);
  if (rows > 5) storeRow(at(c, stride * 5), s5, t5, columns, more);
}

function storeRow(c: usize, low: v128, high: v128, columns: i32, more: bool): void {
  if (more) low = f32x4.add(load4(c, columns), low);
  store4(c, low, columns);
  if (columns <= 4) return;
  if (more) high = f32x4.add(load4(c + 16, columns - 4), high);
  store4(c + 16, high, columns - 4);
}

/** Up to eight rows, along which `depth` lies, as a panel `depth 8`; those that are not there are zeros. */
export function packTransposed(b: usize, stride: i32, rows: i32, depth: i32, to: usize): void {
  let k = 0;
  if (rows >= COLUMNS) {
    for (; k + 4 <= depth; k += 4) {
      transpose(at(b, k), stride, at(to, k * COLUMNS), COLUMNS);
      transpose(at(b, 4 * stride + k), stride, at(to, k * COLUMNS + 4), COLUMNS);
    }
  }
  for (; k < depth; k++) {
    for (let row = 0; row < COLUMNS; row++) {
      store<f32>(at(to, k * COLUMNS + row), row < rows ? load<f32>(at(b, row * stride + k)) : 0);
    }
  }
}

/**
 * Rows that lie `stride` elements apart, one for each `k`, as panels `depth 8` that lie `panelStride` apart. Four rows at a
 * time: each is read from start to end, and lines of the panels are written as a whole.
 */
export function packColumns(b: usize, stride: i32, columns: i32, depth: i32, to: usize, panelStride: i32): void {
  const row = at(0, stride);
  for (let k = 0; k < depth; k += 4, b += 4 * row, to += COLUMNS * 16) {
    const steps = min(4, depth - k);
    let place = to;
    let column = 0;
    if (steps == 4) {
      for (; column + COLUMNS <= columns; column += COLUMNS, place = at(place, panelStride)) {
        const from = at(b, column);
        v128.store(place, v128.load(from));
        v128.store(place, v128.load(from, 16), 16);
        v128.store(place, v128.load(from + row), 32);
        v128.store(place, v128.load(from + row, 16), 48);
        v128.store(place, v128.load(from + 2 * row), 64);
        v128.store(place, v128.load(from + 2 * row, 16), 80);
        v128.store(place, v128.load(from + 3 * row), 96);
        v128.store(place, v128.load(from + 3 * row, 16), 112);
      }
    }
    for (; column < columns; column += COLUMNS, place = at(place, panelStride)) {
      const count = columns - column;
      for (let step = 0; step < steps; step++) {
        const from = at(b + row * <usize>step, column);
        const line = at(place, step * COLUMNS);
        v128.store(line, load4(from, count));
        v128.store(line, count > 4 ? load4(from + 16, count - 4) : f32x4.splat(0), 16);
      }
    }
  }
}
