import { brains4, fewBrains, fewHalves, halves4 } from "../../../wasm/src/snippets/half.as.ts";
import { at } from "../../../wasm/src/snippets/memory.as.ts";
import { COLUMNS, packRows, product, ROWS } from "../../../wasm/src/snippets/product.as.ts";
import { BLOCK, GROUP, SCALES, W4, W8 } from "./matmul.blocks.as.ts";

/** Terms that are summed in registers; a whole number of groups of rows of weights. */
const DEPTH = 256;
/** Groups of six rows of `dy` for which weights are unpacked once; with their depth, 120 KiB of scratch. */
const GROUPS = 20;
/** Elements of a panel. */
const PANEL = DEPTH * COLUMNS;

/** Types of weights, as the caller counts them. */
const F16 = 0;
const BF16 = 1;
const Q8 = 2;

/**
 * `dx = dy · weight` with weights that are not f32. A unit is six rows of `dx`. For each 120 of them and each 256 outputs,
 * `dy` is packed into scratch and the weights are unpacked, 32 columns at a time, into four panels beside it (32 KiB), which
 * the tiles of `product` then read. So nothing of the size of the weights is allocated, and unpacking, an instruction or
 * two for four weights, is repaid by 120 rows. Work `rows · out · in`; memory traffic is the weights once for 120 rows.
 *
 * An element is the sum of its blocks' sums, both in order: it has the same bits whatever is computed beside it.
 */
export function matmulInputGradientNarrow(
  begin: i32, end: i32, scratch: usize,
  rows: i32, out: i32, inner: i32, dy: usize, weight: usize, dx: usize, kind: i32,
): void {
  const panels = at(scratch, GROUPS * ROWS * DEPTH);
  for (let first = begin; first < end; first += GROUPS) {
    const groups = min(GROUPS, end - first);
    const row = first * ROWS;
    const blockRows = min(rows - row, groups * ROWS);
    let k = 0;
    do {
      const depth = min(DEPTH, out - k);
      for (let group = 0; group < groups; group++) {
        const from = at(dy, (row + group * ROWS) * out + k);
        packRows(from, out, 1, blockRows - group * ROWS, depth, at(scratch, group * ROWS * depth));
      }
      for (let column = 0; column < inner; column += BLOCK) {
        if (kind == F16) unpackHalves(weight, k, depth, inner, column, panels, false);
        else if (kind == BF16) unpackHalves(weight, k, depth, inner, column, panels, true);
        else if (kind == Q8) unpackQ8(record(weight, k, inner, column, W8), W8 * blocksOf(inner), depth, panels);
        else unpackQ4(record(weight, k, inner, column, W4), W4 * blocksOf(inner), depth, panels);
        const to = at(dx, row * inner + column);
        product(scratch, panels, PANEL, to, inner, blockRows, depth, min(BLOCK, inner - column), k > 0);
      }
      k += DEPTH;
    } while (k < out);
  }
}

/** Records that follow each other in a group. */
@inline
function blocksOf(inner: i32): usize {
  return <usize>((inner + BLOCK - 1) / BLOCK);
}

/** The record of rows from `k` and columns from `column` on. */
@inline
function record(weight: usize, k: i32, inner: i32, column: i32, size: usize): usize {
  return weight + ((<usize>(k / GROUP)) * blocksOf(inner) + <usize>(column / BLOCK)) * size;
}

/** Rows of up to 32 columns of f16 or bf16. `brain` is a constant. */
@inline
function unpackHalves(weight: usize, k: i32, depth: i32, inner: i32, column: i32, to: usize, brain: bool): void {
  const stride = (<usize>inner) << 1;
  const end = min(column + BLOCK, inner);
  for (; column < end; column += COLUMNS, to = at(to, PANEL)) {
    const count = end - column;
    let from = weight + ((<usize>(k * inner + column)) << 1);
    for (let row = 0; row < depth; row++, from += stride) {
      const place = at(to, row * COLUMNS);
      v128.store(place, fourHalves(from, count, brain));
      v128.store(place, fourHalves(from + 8, count - 4, brain), 16);
    }
  }
}

/** Four numbers, or as many as there are, and zeros. */
@inline
function fourHalves(from: usize, count: i32, brain: bool): v128 {
  if (count >= 4) return brain ? brains4(from) : halves4(from);
  if (count <= 0) return f32x4.splat(0);
  return brain ? fewBrains(from, count) : fewHalves(from, count);
}

/** Rows, eight at a time, of a block of q8: records that lie `stride` bytes apart. */
function unpackQ8(from: usize, stride: usize, depth: i32, to: usize): void {
  for (let row = 0; row < depth; row += GROUP, from += stride) {
    const low = halves4(from);
    const high = halves4(from + 8);
    for (let quad = 0; quad < 8; quad++) {
      const words = from + ((<usize>quad) << 5);
      const place = placeOf(to, row, quad);
      storeRows(v128.load(words, SCALES), low, place);
      storeRows(v128.load(words, SCALES + 16), high, at(place, 4 * COLUMNS));
    }
  }
}

/** As `unpackQ8`, of q4: bytes hold a number of one quad, and one of the fourth after it. */
function unpackQ4(from: usize, stride: usize, depth: i32, to: usize): void {
  const nibble = i8x16.splat(15);
  const middle = i8x16.splat(8);
  for (let row = 0; row < depth; row += GROUP, from += stride) {
    const low = halves4(from);
    const high = halves4(from + 8);
    for (let quad = 0; quad < 4; quad++) {
      const words = from + ((<usize>quad) << 5);
      const a = v128.load(words, SCALES);
      const b = v128.load(words, SCALES + 16);
      let place = placeOf(to, row, quad);
      storeRows(i8x16.sub(v128.and(a, nibble), middle), low, place);
      storeRows(i8x16.sub(v128.and(b, nibble), middle), high, at(place, 4 * COLUMNS));
      place = placeOf(to, row, quad + 4);
      storeRows(i8x16.sub(i8x16.shr_u(a, 4), middle), low, place);
      storeRows(i8x16.sub(i8x16.shr_u(b, 4), middle), high, at(place, 4 * COLUMNS));
    }
  }
}

/** Where four neighbours of a row stand in the panels. */
@inline
function placeOf(panels: usize, row: i32, quad: i32): usize {
  return at(panels, (quad >> 1) * PANEL + row * COLUMNS + (quad & 1) * 4);
}

/** Four numbers of each of four rows, times the rows' scales. */
@inline
function storeRows(numbers: v128, scales: v128, to: usize): void {
  const low = i16x8.extend_low_i8x16_s(numbers);
  const high = i16x8.extend_high_i8x16_s(numbers);
  v128.store(to, row4(i32x4.extend_low_i16x8_s(low), v128.shuffle<i32>(scales, scales, 0, 0, 0, 0)));
  v128.store(to, row4(i32x4.extend_high_i16x8_s(low), v128.shuffle<i32>(scales, scales, 1, 1, 1, 1)), 32);
  v128.store(to, row4(i32x4.extend_low_i16x8_s(high), v128.shuffle<i32>(scales, scales, 2, 2, 2, 2)), 64);
  v128.store(to, row4(i32x4.extend_high_i16x8_s(high), v128.shuffle<i32>(scales, scales, 3, 3, 3, 3)), 96);
}

@inline
function row4(numbers: v128, scale: v128): v128 {
  return f32x4.mul(f32x4.convert_i32x4_s(numbers), scale);
}
