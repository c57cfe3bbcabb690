import { at } from "../../../wasm/src/snippets/memory.as.ts";
import { COLUMNS, packColumns, packNeighbours, packRows, product, ROWS } from "../../../wasm/src/snippets/product.as.ts";

/** Terms that are summed in registers; a panel of `b` of this depth takes 16 KiB of the first-level cache. */
const DEPTH = 508;
/** Rows of `b` that a unit of the first pass packs. */
const STEPS = 4;
/** Groups of rows that are packed at once, at most: 131 KiB of scratch. */
const GROUPS = 11;

/**
 * First pass: turns `b`, `depth columns`, into panels of eight columns, `panel depth 8`, the last one filled up with
 * zeros. A unit is four rows of `b`, so that a call reads what lies side by side. Moves 8 bytes an element.
 */
export function matmulPack(
  begin: i32, end: i32, _scratch: usize,
  depth: i32, columns: i32, b: usize, packed: usize,
): void {
  const first = begin * STEPS;
  packColumns(
    at(b, first * columns), columns, columns, min(end * STEPS, depth) - first, at(packed, first * COLUMNS), depth * COLUMNS,
  );
}

/**
 * Second pass: `c[m, n] = sum over k of a[m, k] · b[k, n]`, with `b` packed and `a` at any strides: it is `dy` for the
 * gradient by the input, and `dy` turned for the one by the weight. A unit is six rows of `c`. Blocks of `a`, up to 508 deep,
 * are packed into scratch and stay in the second-level cache while the panels pass, each staying in the first-level one.
 * Work `rows · depth · columns`; memory traffic is `b` once for 66 rows, and `c` twice for as many terms.
 *
 * An element is the sum of its blocks' sums, both in order: it has the same bits whatever is computed beside it.
 */
export function matmulPacked(
  begin: i32, end: i32, scratch: usize,
  rows: i32, depth: i32, columns: i32, a: usize, rowStride: i32, depthStride: i32, packed: usize, c: usize,
): void {
  const blocks = max(1, (depth + DEPTH - 1) / DEPTH);
  const step = ((depth + blocks - 1) / blocks + 3) & ~3;
  // in equal parts: the panels pass by for a part of one group as for one of eleven
  const parts = (end - begin + GROUPS - 1) / GROUPS;
  const most = (end - begin + parts - 1) / parts;
  for (let first = begin; first < end; first += most) {
    const groups = min(most, end - first);
    let k = 0;
    do {
      const count = min(step, depth - k);
      const row = first * ROWS;
      const blockRows = min(rows - row, groups * ROWS);
      const block = at(a, row * rowStride + k * depthStride);
      if (rowStride == 1) packNeighbours(block, depthStride, blockRows, count, scratch);
      else packBlocks(block, rowStride, depthStride, blockRows, count, scratch);
      product(scratch, at(packed, k * COLUMNS), depth * COLUMNS, at(c, row * columns), columns, blockRows, count, columns, k > 0);
      k += step;
    } while (k < depth);
  }
}

function packBlocks(a: usize, rowStride: i32, depthStride: i32, rows: i32, depth: i32, to: usize): void {
  for (let row = 0; row < rows; row += ROWS) {
    packRows(at(a, row * rowStride), rowStride, depthStride, rows - row, depth, at(to, row * depth));
  }
}
