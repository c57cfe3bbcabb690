/**
 * Recurrent network with tanh, one step after the other. A unit is up to two sequences, which share what a step loads of the
 * weight. States and products stay in scratch, 16 bytes a channel. Work `batch · time · hidden²` multiply-adds; the weight comes
 * from cache at every step, from the second level up to about 500 channels.
 */
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { tanh } from "../../../wasm/src/snippets/tanh.as.ts";
import { BEGINNING, PADDING, stepKinds } from "../selective-scan/step-kind.as.ts";
import { recurrentProduct } from "./recurrent-product.as.ts";

export function rnnForward(
  begin: i32, end: i32, scratch: usize, batch: i32, time: i32, hidden: i32,
  x: usize, weight: usize, bias: usize, initialState: usize, mask: usize, seqIdx: usize, y: usize, finalState: usize,
): void {
  const padded = (hidden + 3) & ~3;
  const bytes = (<usize>hidden) << 2;
  const h = scratch;
  const p = at(h, 2 * padded);
  const kinds = at(p, 2 * padded);
  for (let unit = begin; unit < end; unit++) {
    const first = 2 * unit;
    const count = min(2, batch - first);
    memory.fill(h, 0, (<usize>padded) << 3);
    for (let s = 0; s < count; s++) {
      const b = first + s;
      if (initialState) memory.copy(at(h, s * padded), at(initialState, b * hidden), bytes);
      stepKinds(mask ? at(mask, b * time) : 0, seqIdx ? at(seqIdx, b * time) : 0, time, at(kinds, s * time));
    }
    for (let t = 0; t < time; t++) {
      let one: usize = 0, other: usize = 0; // states that take a step
      for (let s = 0; s < count; s++) {
        const kind = load<i32>(at(kinds, s * time + t));
        if (kind == PADDING) continue;
        const state = at(h, s * padded);
        if (kind == BEGINNING) memory.fill(state, 0, bytes);
        if (one) other = state;
        else one = state;
      }
      const apart = p - h;
      if (one) recurrentProduct(weight, bias, hidden, hidden, one, one + apart, other, other + apart);
      for (let s = 0; s < count; s++) {
        const row = ((first + s) * time + t) * hidden;
        if (load<i32>(at(kinds, s * time + t)) == PADDING) memory.fill(at(y, row), 0, bytes);
        else advance(at(h, s * padded), at(p, s * padded), at(x, row), at(y, row), hidden);
      }
    }
    for (let s = 0; s < count; s++) memory.copy(at(finalState, (first + s) * hidden), at(h, s * padded), bytes);
  }
}

@inline
function advance(h: usize, p: usize, x: usize, y: usize, hidden: i32): void {
  for (let j = 0; j < hidden; j += 4) {
    const count = hidden - j;
    const next = tanh(f32x4.add(load4(at(x, j), count), v128.load(at(p, j))));
    store4(at(h, j), next, count);
    store4(at(y, j), next, count);
  }
}
