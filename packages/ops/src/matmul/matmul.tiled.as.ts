import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { sums4 } from "../../../wasm/src/snippets/sum.as.ts";

/** Bytes of `x` that stay in the second-level cache while the weights pass by. */
const ROW_BLOCK: i32 = 384 * 1024;

/**
 * A call owns outputs `begin` to `end` of every row. Tiles of two rows of `x` by six rows of `weight` keep their twelve
 * sums in registers, as many as there are; rows of both run along `in`, so nothing needs packing. Six rows of `weight`
 * stay in the first-level cache while a block of `x` passes, the block in the second-level cache while the weights pass.
 * Work `rows · in · (end - begin)`; memory traffic is the weights, once for each block of `x`. Suits two rows and more.
 *
 * An output is the sum of four lanes, lane `l` over the `i` with `i mod 4 = l` in order, as in `matmul.row.as.ts`: so
 * a row has the same bits in both.
 */
export function matmulTiled(
  begin: i32, end: i32, _scratch: usize,
  x: usize, weight: usize, bias: usize, y: usize, rows: i32, inner: i32, out: i32,
): void {
  const blockRows = max(2, (ROW_BLOCK / 4 / max(1, inner)) & ~1);
  for (let block = 0; block < rows; block += blockRows) {
    const blockEnd = min(block + blockRows, rows);
    for (let o = begin; o < end; o += 6) {
      for (let r = block; r < blockEnd; r += 2) {
        tile(
          at(x, r * inner), at(weight, o * inner), bias == 0 ? 0 : at(bias, o), at(y, r * out + o),
          inner, out, min(2, blockEnd - r), min(6, end - o),
        );
      }
    }
  }
}

/** Up to two rows by up to six outputs; a row that is not there is taken for the last one that is, and not stored. */
@inline
export function tile(
  x: usize, weight: usize, bias: usize, y: usize,
  inner: i32, out: i32, rows: i32, count: i32,
): void {
  const x0 = x;
  const x1 = at(x, (rows - 1) * inner);
  const w0 = weight;
  const w1 = at(weight, min(1, count - 1) * inner);
  const w2 = at(weight, min(2, count - 1) * inner);
  const w3 = at(weight, min(3, count - 1) * inner);
  const w4 = at(weight, min(4, count - 1) * inner);
  const w5 = at(weight, min(5, count - 1) * inner);
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0;
  let t0 = s0, t1 = s0, t2 = s0, t3 = s0, t4 = s0, t5 = s0;
  const whole = at(0, inner & ~3); // bytes
  let i: usize = 0;
  // not unrolled: more loads in flight than registers would cost a tenth
  for (; i < whole; i += 16) {
    const a = v128.load(x0 + i);
    const b = v128.load(x1 + i);
    let w = v128.load(w0 + i);
    s0 = madd(a, w, s0);
    t0 = madd(b, w, t0);
    w = v128.load(w1 + i);
    s1 = madd(a, w, s1);
    t1 = madd(b, w, t1);
    w = v128.load(w2 + i);
    s2 = madd(a, w, s2);
    t2 = madd(b, w, t2);
    w = v128.load(w3 + i);
    s3 = madd(a, w, s3);
    t3 = madd(b, w, t3);
    w = v128.load(w4 + i);
    s4 = madd(a, w, s4);
    t4 = madd(b, w, t4);
    w = v128.load(w5 + i);
    s5 = madd(a, w, s5);
    t5 = madd(b, w, t5);
  }
  const left = inner & 3;
  if (left > 0) {
    const a = load4(x0 + i, left);
    const b = load4(x1 + i, left);
    let w = load4(w0 + i, left);
    s0 = madd(a, w, s0);
    t0 = madd(b, w, t0);
    w = load4(w1 + i, left);
    s1 = madd(a, w, s1);
    t1 = madd(b, w, t1);
    w = load4(w2 + i, left);
    s2 = madd(a, w, s2);
    t2 = madd(b, w, t2);
    w = load4(w3 + i, left);
    s3 = madd(a, w, s3);
    t3 = madd(b, w, t3);
    w = load4(w4 + i, left);
    s4 = madd(a, w, s4);
    t4 = madd(b, w, t4);
    w = load4(w5 + i, left);
    s5 = madd(a, w, s5);
    t5 = madd(b, w, t5);
  }
  storeRow(y, sums4(s0, s1, s2, s3), sums4(s4, s5, s4, s5), bias, count);
  if (rows > 1) storeRow(at(y, out), sums4(t0, t1, t2, t3), sums4(t4, t5, t4, t5), bias, count);
}

/** Up to six outputs of one row, the last two of them in the first two lanes of `high`. */
@inline
function storeRow(y: usize, low: v128, high: v128, bias: usize, count: i32): void {
  if (count == 6) {
    if (bias != 0) {
      low = f32x4.add(low, v128.load(bias));
      high = f32x4.add(high, v128.load64_zero(bias, 16));
    }
    v128.store(y, low);
    v128.store64_lane(y, high, 0, 16);
  } else {
    if (bias != 0) {
      low = f32x4.add(low, load4(bias, count));
      if (count > 4) high = f32x4.add(high, load4(bias + 16, count - 4));
    }
    store4(y, low, count);
    if (count > 4) store4(y + 16, high, count - 4);
  }
}
