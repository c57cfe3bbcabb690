/**
 * Gradient of the gated recurrent unit, one step after the other from the end. A unit is up to two sequences, which share what a
 * step loads of the weight; their gradients by the state stay in scratch. Work `3 · batch · time · hidden²` multiply-adds.
 */
import { madd, nmadd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { sigmoid } from "../../../wasm/src/snippets/sigmoid.as.ts";
import { tanh } from "../../../wasm/src/snippets/tanh.as.ts";
import { transposedProduct } from "../rnn/recurrent-product.as.ts";
import { BEGINNING, PADDING, stepKinds } from "../selective-scan/step-kind.as.ts";

export function gruBackward(
  begin: i32, end: i32, scratch: usize, batch: i32, time: i32, hidden: i32,
  x: usize, weight: usize, product: usize, before: usize, mask: usize, seqIdx: usize, dy: usize, dfinalState: usize,
  dx: usize, dproduct: usize, dinitialState: usize,
): void {
  const gates = 3 * hidden;
  const bytes = (<usize>hidden) << 2;
  const grads = scratch;
  const kinds = at(grads, 2 * hidden);
  for (let unit = begin; unit < end; unit++) {
    const first = 2 * unit;
    const count = min(2, batch - first);
    for (let s = 0; s < count; s++) {
      const b = first + s;
      if (dfinalState) memory.copy(at(grads, s * hidden), at(dfinalState, b * hidden), bytes);
      else memory.fill(at(grads, s * hidden), 0, bytes);
      stepKinds(mask ? at(mask, b * time) : 0, seqIdx ? at(seqIdx, b * time) : 0, time, at(kinds, s * time));
    }
    for (let t = time - 1; t >= 0; t--) {
      let d: usize = 0, d1: usize = 0, g: usize = 0, g1: usize = 0; // of the sequences that step back
      for (let s = 0; s < count; s++) {
        const row = (first + s) * time + t;
        const wide = row * gates;
        const kind = load<i32>(at(kinds, s * time + t));
        const grad = at(grads, s * hidden);
        if (kind == PADDING) {
          memory.fill(at(dx, wide), 0, 3 * bytes);
          memory.fill(at(dproduct, wide), 0, 3 * bytes);
          continue;
        }
        const upstream = dy ? at(dy, row * hidden) : 0;
        retreat(grad, at(x, wide), at(product, wide), at(before, row * hidden), upstream, at(dx, wide), at(dproduct, wide), hidden);
        if (kind == BEGINNING) {
          memory.fill(grad, 0, bytes); // nothing flows into the sequence before
        } else if (d) {
          d1 = at(dproduct, wide);
          g1 = grad;
        } else {
          d = at(dproduct, wide);
          g = grad;
        }
      }
      if (d) transposedProduct(weight, gates, hidden, d, g, d1, g1);
    }
    for (let s = 0; s < count; s++) memory.copy(at(dinitialState, (first + s) * hidden), at(grads, s * hidden), bytes);
  }
}

/** A step's gradients by its gates; of `grad` what flows to the state before past them is left. */
@inline
function retreat(
  grad: usize, x: usize, p: usize, before: usize, dy: usize, dx: usize, dproduct: usize, hidden: i32,
): void {
  const one = f32x4.splat(1);
  for (let j = 0; j < hidden; j += 4) {
    const count = hidden - j;
    const k = hidden + j;
    const l = k + hidden;
    const r = sigmoid(f32x4.add(load4(at(x, j), count), load4(at(p, j), count)));
    const z = sigmoid(f32x4.add(load4(at(x, k), count), load4(at(p, k), count)));
    const q = load4(at(p, l), count);
    const n = tanh(madd(r, q, load4(at(x, l), count)));
    let dh = load4(at(grad, j), count);
    if (dy) dh = f32x4.add(dh, load4(at(dy, j), count));
    const dn = f32x4.mul(f32x4.mul(dh, f32x4.sub(one, z)), nmadd(n, n, one));
    const dq = f32x4.mul(dn, r);
    const dr = f32x4.mul(f32x4.mul(dq, q), f32x4.sub(one, r));
    const toUpdate = f32x4.mul(f32x4.mul(z, f32x4.sub(one, z)), f32x4.sub(load4(at(before, j), count), n));
    const dz = f32x4.mul(dh, toUpdate);
    store4(at(dx, j), dr, count);
    store4(at(dx, k), dz, count);
    store4(at(dx, l), dn, count);
    store4(at(dproduct, j), dr, count);
    store4(at(dproduct, k), dz, count);
    store4(at(dproduct, l), dq, count);
    store4(at(grad, j), f32x4.mul(dh, z), count);
  }
}
