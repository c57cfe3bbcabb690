/**
 * What crosses the borders of chunks, for the gradient of SSD in chunks. A unit is a head of a sequence: it computes the state
 * before each chunk and, backwards, the gradient by the state after it, and keeps the gradient before the gate in `dz`.
 *
 *     h' = since[end] · h + Vᵀ (to ∘ B)          the gradient before the chunk = since[end] · g + dOᵀ (since ∘ C)
 *
 * Multiply-adds: `2 · batch · time · heads · headDim · state`, in products.
 */
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { COLUMNS, packColumns, product, ROWS } from "../../../wasm/src/snippets/product.as.ts";
import { silu } from "../../../wasm/src/snippets/sigmoid.as.ts";
import { decaysSince, decaysTo, scale } from "./ssd.chunk.as.ts";
import { KIND, RECORD, STEP } from "./ssd.record.as.ts";
import { loadFinite, packWeighted, PADDING } from "./ssd.steps.as.ts";

export function ssdBorders(
  begin: i32, end: i32, scratch: usize,
  time: i32, heads: i32, headDim: i32, groups: i32, state: i32, chunk: i32,
  u: usize, B: usize, C: usize, z: usize, initialState: usize, mask: usize, dy: usize, dfinalState: usize,
  dz: usize, dinitialState: usize,
  records: usize, states: usize, stateGrads: usize,
): void {
  const chunks = (time + chunk - 1) / chunk;
  const size = headDim * state;
  const bytes = (<usize>size) << 2;
  const inner = heads * headDim;
  const wide = groups * state;
  const weights = scratch;
  const kept = at(weights, (chunk + 3) & ~3);
  const panels = at(kept, chunk * state);
  const block = at(panels, chunk * (state + COLUMNS));
  const carried = at(block, chunk * (headDim + ROWS));

  for (let unit = begin; unit < end; unit++) {
    const b = unit / heads;
    const head = unit % heads;
    const group = head / (heads / groups);

    if (initialState) memory.copy(carried, at(initialState, unit * size), bytes);
    else memory.fill(carried, 0, bytes);
    for (let c = 0; c < chunks; c++) {
      const row = b * time + c * chunk;
      const length = min(chunk, time - c * chunk);
      const record = at(records, (unit * time + c * chunk) * RECORD);
      const here = row * inner + head * headDim;
      beforeGate(z ? at(z, here) : 0, dy ? at(dy, here) : 0, at(dz, here), inner, record, length, headDim);
      memory.copy(at(states, ((b * chunks + c) * heads + head) * size), carried, bytes);
      loadFinite(at(B, row * wide + group * state), wide, mask ? at(mask, row) : 0, length, state, kept);
      scale(carried, decaysTo(record, length, weights), size);
      for (let t = 0; t < length; t++) {
        store<f32>(at(weights, t), load<f32>(at(weights, t)) * load<f32>(at(record, t * RECORD + STEP)));
      }
      addProduct(at(u, here), inner, weights, kept, length, headDim, state, block, panels, carried);
    }

    if (dfinalState) memory.copy(carried, at(dfinalState, unit * size), bytes);
    else memory.fill(carried, 0, bytes);
    for (let c = chunks - 1; c >= 0; c--) {
      const row = b * time + c * chunk;
      const length = min(chunk, time - c * chunk);
      const record = at(records, (unit * time + c * chunk) * RECORD);
      memory.copy(at(stateGrads, ((b * chunks + c) * heads + head) * size), carried, bytes);
      loadFinite(at(C, row * wide + group * state), wide, mask ? at(mask, row) : 0, length, state, kept);
      scale(carried, decaysSince(record, length, weights), size);
      addProduct(at(dz, row * inner + head * headDim), inner, weights, kept, length, headDim, state, block, panels, carried);
    }
    memory.copy(at(dinitialState, unit * size), carried, bytes);
  }
}

/** `dy · silu(z)`, 0 for padding. */
function beforeGate(z: usize, dy: usize, to: usize, stride: i32, record: usize, length: i32, headDim: i32): void {
  for (let t = 0; t < length; t++) {
    const place = at(0, t * stride);
    if (dy == 0 || load<i32>(at(record, t * RECORD + KIND)) == PADDING) {
      memory.fill(to + place, 0, (<usize>headDim) << 2);
      continue;
    }
    for (let p = 0; p < headDim; p += 4) {
      const here = at(place, p);
      let values = load4(dy + here, headDim - p);
      if (z) values = f32x4.mul(values, silu(load4(z + here, headDim - p)));
      store4(to + here, values, headDim - p);
    }
  }
}

/** `sums[p, n] += sum over t of weights[t] · x[t, p] · vectors[t, n]`. */
function addProduct(
  x: usize, stride: i32, weights: usize, vectors: usize, length: i32, headDim: i32, state: i32,
  blocks: usize, panels: usize, sums: usize,
): void {
  for (let p = 0; p < headDim; p += ROWS) {
    packWeighted(at(x, p), stride, weights, headDim - p, length, at(blocks, p * length));
  }
  packColumns(vectors, state, state, length, panels, COLUMNS * length);
  product(blocks, panels, COLUMNS * length, sums, state, headDim, length, state, true);
}
