/**
 * Products of a recurrent weight, `rows hidden`, with the states of one sequence or of a pair, which then share what is loaded of
 * the weight. A sequence's sums are taken in the same order either way.
 */
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { sums4 } from "../../../wasm/src/snippets/sum.as.ts";

/**
 * `p = weight h + bias`, of a second sequence too if `h1` is not 0. States are filled up with zeros to whole fours; `p` has room for
 * whole fours too, what is behind `rows` is undefined.
 */
export function recurrentProduct(
  weight: usize, bias: usize, rows: i32, hidden: i32, h: usize, p: usize, h1: usize, p1: usize,
): void {
  if (h1) fourRows(true, weight, bias, rows, hidden, h, p, h1, p1);
  else fourRows(false, weight, bias, rows, hidden, h, p, h1, p1);
}

@inline
function fourRows(
  pair: bool, weight: usize, bias: usize, rows: i32, hidden: i32, h: usize, p: usize, h1: usize, p1: usize,
): void {
  const zero = f32x4.splat(0);
  for (let j = 0; j < rows; j += 4) {
    // behind the last row it is taken again
    const w0 = at(weight, j * hidden);
    const w1 = at(weight, min(j + 1, rows - 1) * hidden);
    const w2 = at(weight, min(j + 2, rows - 1) * hidden);
    const w3 = at(weight, min(j + 3, rows - 1) * hidden);
    let s0 = zero, s1 = zero, s2 = zero, s3 = zero;
    let t0 = zero, t1 = zero, t2 = zero, t3 = zero;
    for (let i = 0; i < hidden; i += 4) {
      const count = hidden - i;
      const place = at(0, i);
      const a = v128.load(h + place);
      const b = pair ? v128.load(h1 + place) : zero;
      let w = load4(w0 + place, count);
      s0 = madd(w, a, s0);
      if (pair) t0 = madd(w, b, t0);
      w = load4(w1 + place, count);
      s1 = madd(w, a, s1);
      if (pair) t1 = madd(w, b, t1);
      w = load4(w2 + place, count);
      s2 = madd(w, a, s2);
      if (pair) t2 = madd(w, b, t2);
      w = load4(w3 + place, count);
      s3 = madd(w, a, s3);
      if (pair) t3 = madd(w, b, t3);
    }
    const added = bias ? load4(at(bias, j), rows - j) : zero;
    v128.store(at(p, j), f32x4.add(sums4(s0, s1, s2, s3), added));
    if (pair) v128.store(at(p1, j), f32x4.add(sums4(t0, t1, t2, t3), added));
  }
}

/** `g += weightᵀ d`, of a second sequence too if `d1` is not 0. */
export function transposedProduct(
  weight: usize, rows: i32, hidden: i32, d: usize, g: usize, d1: usize, g1: usize,
): void {
  if (d1) sixteenColumns(true, weight, rows, hidden, d, g, d1, g1);
  else sixteenColumns(false, weight, rows, hidden, d, g, d1, g1);
}

@inline
function sixteenColumns(
  pair: bool, weight: usize, rows: i32, hidden: i32, d: usize, g: usize, d1: usize, g1: usize,
): void {
  const zero = f32x4.splat(0);
  let i = 0;
  for (; i + 16 <= hidden; i += 16) {
    let s0 = zero, s1 = zero, s2 = zero, s3 = zero;
    let t0 = zero, t1 = zero, t2 = zero, t3 = zero;
    for (let j = 0; j < rows; j++) {
      const from = at(weight, j * hidden + i);
      const a = v128.load_splat<f32>(at(d, j));
      const b = pair ? v128.load_splat<f32>(at(d1, j)) : zero;
      let w = v128.load(from);
      s0 = madd(w, a, s0);
      if (pair) t0 = madd(w, b, t0);
      w = v128.load(from, 16);
      s1 = madd(w, a, s1);
      if (pair) t1 = madd(w, b, t1);
      w = v128.load(from, 32);
      s2 = madd(w, a, s2);
      if (pair) t2 = madd(w, b, t2);
      w = v128.load(from, 48);
      s3 = madd(w, a, s3);
      if (pair) t3 = madd(w, b, t3);
    }
    addTo(at(g, i), s0, s1, s2, s3);
    if (pair) addTo(at(g1, i), t0, t1, t2, t3);
  }
  for (; i < hidden; i += 4) {
    const count = hidden - i;
    let s = zero, t = zero;
    for (let j = 0; j < rows; j++) {
      const w = load4(at(weight, j * hidden + i), count);
      s = madd(w, v128.load_splat<f32>(at(d, j)), s);
      if (pair) t = madd(w, v128.load_splat<f32>(at(d1, j)), t);
    }
    store4(at(g, i), f32x4.add(load4(at(g, i), count), s), count);
    if (pair) store4(at(g1, i), f32x4.add(load4(at(g1, i), count), t), count);
  }
}

@inline
function addTo(g: usize, s0: v128, s1: v128, s2: v128, s3: v128): void {
  v128.store(g, f32x4.add(v128.load(g), s0));
  v128.store(g, f32x4.add(v128.load(g, 16), s1), 16);
  v128.store(g, f32x4.add(v128.load(g, 32), s2), 32);
  v128.store(g, f32x4.add(v128.load(g, 48), s3), 48);
}
