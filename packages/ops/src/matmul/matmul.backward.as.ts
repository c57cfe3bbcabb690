import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";

/** Rows and columns of a tile: its twelve sums, two vectors of `b` and one of `a` are all the registers there are. */
const ROWS = 6;
const COLUMNS = 8;
/** Terms that are summed in registers; a panel of `b` of this depth takes 8 KiB of the first-level cache. */
const DEPTH = 256;
/** Groups of rows that are packed at once, 60 KiB of scratch. */
const GROUPS = 10;

/**
 * First pass: turns `b`, `depth columns`, into panels of eight columns, `panel depth 8`, the last one filled up with
 * zeros. A unit is a panel. Moves 8 bytes an element.
 */
export function packColumns(
  begin: i32, end: i32, _scratch: usize,
  depth: i32, columns: i32, b: usize, packed: usize,
): void {
  for (let k = 0; k < depth; k++) {
    for (let panel = begin; panel < end; panel++) {
      const column = panel * COLUMNS;
      const from = at(b, k * columns + column);
      const to = at(packed, (panel * depth + k) * COLUMNS);
      v128.store(to, load4(from, columns - column));
      v128.store(to, columns - column > 4 ? load4(from + 16, columns - column - 4) : f32x4.splat(0), 16);
    }
  }
}

/**
 * Second pass: `c[m, n] = sum over k of a[m, k] · b[k, n]`, with `b` packed and `a` at any strides: it is `dy` for the
 * gradient by the input, and `dy` turned for the one by the weight. A unit is six rows of `c`. Blocks of `a`, 256 deep,
 * are packed into scratch and stay in the second-level cache while the panels pass, each staying in the first-level one.
 * Work `rows · depth · columns`; memory traffic is `b` once for sixty rows, and `c` twice for 256 terms.
 *
 * An element is the sum of its blocks' sums, both in order: it has the same bits whatever is computed beside it.
 */
export function matmulPacked(
  begin: i32, end: i32, scratch: usize,
  rows: i32, depth: i32, columns: i32, a: usize, rowStride: i32, depthStride: i32, packed: usize, c: usize,
): void {
  for (let first = begin; first < end; first += GROUPS) {
    const groups = min(GROUPS, end - first);
    let k = 0;
    do {
      const count = min(DEPTH, depth - k);
      for (let group = 0; group < groups; group++) {
        const row = (first + group) * ROWS;
        const from = at(a, row * rowStride + k * depthStride);
        packRows(from, rowStride, depthStride, rows - row, count, at(scratch, group * ROWS * count));
      }
      for (let column = 0; column < columns; column += COLUMNS) {
        const panel = at(packed, column * depth + k * COLUMNS);
        for (let group = 0; group < groups; group++) {
          const row = (first + group) * ROWS;
          const to = at(c, row * columns + column);
          tile(at(scratch, group * ROWS * count), panel, to, count, columns, rows - row, columns - column, k > 0);
        }
      }
      k += DEPTH;
    } while (k < depth);
  }
}

/** Six rows as `depth 6`; those that are not there are zeros. */
function packRows(a: usize, rowStride: i32, depthStride: i32, rows: i32, depth: i32, to: usize): void {
  if (rows < ROWS) {
    memory.fill(to, 0, (<usize>(ROWS * depth)) << 2);
    for (let k = 0; k < depth; k++) {
      for (let row = 0; row < rows; row++) {
        store<f32>(at(to, k * ROWS + row), load<f32>(at(a, row * rowStride + k * depthStride)));
      }
    }
    return;
  }
  const a1 = at(a, rowStride);
  const a2 = at(a, rowStride * 2);
  const a3 = at(a, rowStride * 3);
  const a4 = at(a, rowStride * 4);
  const a5 = at(a, rowStride * 5);
  for (let k = 0; k < depth; k++) {
    const step = at(0, k * depthStride);
    store<f32>(to, load<f32>(a + step));
    store<f32>(to, load<f32>(a1 + step), 4);
    store<f32>(to, load<f32>(a2 + step), 8);
    store<f32>(to, load<f32>(a3 + step), 12);
    store<f32>(to, load<f32>(a4 + step), 16);
    store<f32>(to, load<f32>(a5 + step), 20);
    to += ROWS * 4;
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
