/**
 * Gradient of the recurrent network, one step after the other from the end, and the states that its steps began with. A unit of
 * the first is up to two sequences, which share what a step loads of the weight; their gradients by the state stay in scratch.
 * Work `batch · time · hidden²` multiply-adds. A unit of the second is a sequence; it moves 8 bytes an element.
 */
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { nmadd } from "../../../wasm/src/snippets/madd.as.ts";
import { BEGINNING, ORDINARY, PADDING, stepKinds } from "../selective-scan/step-kind.as.ts";
import { transposedProduct } from "./recurrent-product.as.ts";

export function rnnBackward(
  begin: i32, end: i32, scratch: usize, batch: i32, time: i32, hidden: i32,
  weight: usize, y: usize, mask: usize, seqIdx: usize, dy: usize, dfinalState: usize, dx: usize, dinitialState: usize,
): void {
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
        const row = ((first + s) * time + t) * hidden;
        const kind = load<i32>(at(kinds, s * time + t));
        const grad = at(grads, s * hidden);
        if (kind == PADDING) {
          memory.fill(at(dx, row), 0, bytes);
          continue;
        }
        retreat(grad, at(y, row), dy ? at(dy, row) : 0, at(dx, row), hidden);
        memory.fill(grad, 0, bytes);
        if (kind == BEGINNING) continue; // nothing flows into the sequence before
        if (d) {
          d1 = at(dx, row);
          g1 = grad;
        } else {
          d = at(dx, row);
          g = grad;
        }
      }
      if (d) transposedProduct(weight, hidden, hidden, d, g, d1, g1);
    }
    for (let s = 0; s < count; s++) memory.copy(at(dinitialState, (first + s) * hidden), at(grads, s * hidden), bytes);
  }
}

@inline
function retreat(grad: usize, y: usize, dy: usize, dx: usize, hidden: i32): void {
  for (let j = 0; j < hidden; j += 4) {
    const count = hidden - j;
    const h = load4(at(y, j), count);
    let dh = load4(at(grad, j), count);
    if (dy) dh = f32x4.add(dh, load4(at(dy, j), count));
    store4(at(dx, j), f32x4.mul(dh, nmadd(h, h, f32x4.splat(1))), count);
  }
}

export function statesBefore(
  begin: i32, end: i32, scratch: usize, time: i32, hidden: i32,
  y: usize, initialState: usize, mask: usize, seqIdx: usize, before: usize,
): void {
  const bytes = (<usize>hidden) << 2;
  for (let b = begin; b < end; b++) {
    stepKinds(mask ? at(mask, b * time) : 0, seqIdx ? at(seqIdx, b * time) : 0, time, scratch);
    let h = initialState ? at(initialState, b * hidden) : 0;
    for (let t = 0; t < time; t++) {
      const kind = load<i32>(at(scratch, t));
      const row = (b * time + t) * hidden;
      if (h == 0 || kind != ORDINARY) memory.fill(at(before, row), 0, bytes);
      else memory.copy(at(before, row), h, bytes);
      if (kind != PADDING) h = at(y, row);
    }
  }
}
