/**
 * Gated recurrent unit, one step after the other. A unit is up to two sequences, which share what a step loads of the weight.
 * States and products stay in scratch, 32 bytes a channel. Work `3 · batch · time · hidden²` multiply-adds; the weight comes from
 * cache at every step, from the second level up to about 300 channels.
 */
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { sigmoid } from "../../../wasm/src/snippets/sigmoid.as.ts";
import { tanh } from "../../../wasm/src/snippets/tanh.as.ts";
import { recurrentProduct } from "../rnn/recurrent-product.as.ts";
import { BEGINNING, PADDING, stepKinds } from "../selective-scan/step-kind.as.ts";

export function gruForward(
  begin: i32, end: i32, scratch: usize, batch: i32, time: i32, hidden: i32,
  x: usize, weight: usize, bias: usize, initialState: usize, mask: usize, seqIdx: usize, y: usize, finalState: usize,
): void {
  const padded = (hidden + 3) & ~3;
  const gates = 3 * hidden;
  const room = 3 * padded; // for a product
  const bytes = (<usize>hidden) << 2;
  const h = scratch;
  const p = at(h, 2 * padded);
  const kinds = at(p, 2 * room);
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
      let one: usize = 0, other: usize = 0, p0: usize = 0, p1: usize = 0; // of sequences that take a step
      for (let s = 0; s < count; s++) {
        const kind = load<i32>(at(kinds, s * time + t));
        if (kind == PADDING) continue;
        const state = at(h, s * padded);
        if (kind == BEGINNING) memory.fill(state, 0, bytes);
        if (one) {
          other = state;
          p1 = at(p, s * room);
        } else {
          one = state;
          p0 = at(p, s * room);
        }
      }
      if (one) recurrentProduct(weight, bias, gates, hidden, one, p0, other, p1);
      for (let s = 0; s < count; s++) {
        const row = (first + s) * time + t;
        if (load<i32>(at(kinds, s * time + t)) == PADDING) memory.fill(at(y, row * hidden), 0, bytes);
        else advance(at(h, s * padded), at(p, s * room), at(x, row * gates), at(y, row * hidden), hidden);
      }
    }
    for (let s = 0; s < count; s++) memory.copy(at(finalState, (first + s) * hidden), at(h, s * padded), bytes);
  }
}

@inline
function advance(h: usize, p: usize, x: usize, y: usize, hidden: i32): void {
  for (let j = 0; j < hidden; j += 4) {
    const count = hidden - j;
    const r = sigmoid(f32x4.add(load4(at(x, j), count), load4(at(p, j), count)));
    const z = sigmoid(f32x4.add(load4(at(x, hidden + j), count), load4(at(p, hidden + j), count)));
    const n = tanh(madd(r, load4(at(p, 2 * hidden + j), count), load4(at(x, 2 * hidden + j), count)));
    const next = madd(z, f32x4.sub(v128.load(at(h, j)), n), n);
    store4(at(h, j), next, count);
    store4(at(y, j), next, count);
  }
}
