/**
 * Gradient of SSD in chunks, with matrix products on the inner loops of `matmul`: after `ssdSteps` and `ssdBorders`, before
 * `ssdStepGradients`. A unit is a chunk of a group. With M = C Bᵀ ∘ L of a head, L without step sizes, v = d · u, and h, g the
 * state and gradient at the borders:
 *
 *     R  = do vᵀ                      dv = Mᵀ do + to ∘ (B gᵀ)
 *     dC = sum over heads of (R ∘ L) B + since ∘ (do h)         dB = sum over heads of (R ∘ L)ᵀ C + to ∘ (v g)
 *
 * `since[t]` and `to[t]` are the decays from the start of the chunk and to its end. R ∘ L is summed over the heads of a group
 * before it is multiplied. A decay has a part in all that flows from before its step to the step or later: F = M ∘ R within
 * the chunk, summed over rows and columns without differences, and what came or goes over the borders.
 *
 * Multiply-adds, each in products: `batch · time · heads · headDim · (3 · state + chunk)`, and `state + chunk / 2` more with a
 * gate. Workspace: `2 · state / chunk` times `u` for the borders, 24 bytes a step of a head. Where an input is not finite,
 * NaN spreads over its chunk. Scratch: a chunk of everything, and two states.
 */
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { COLUMNS, packColumns, packRows, product, ROWS } from "../../../wasm/src/snippets/product.as.ts";
import { sigmoid } from "../../../wasm/src/snippets/sigmoid.as.ts";
import {
  addWeighted, decaysSince, decaysTo, dot, lowerProduct, packTransposedRows, scale, sumLanes,
} from "./ssd.chunk.as.ts";
import { DECAY, DECAY_GRADIENT, DRIVE_GRADIENT, KIND, RECORD, STEP } from "./ssd.record.as.ts";
import { decayRow, loadFinite, PADDING } from "./ssd.steps.as.ts";

export function ssdChunkGradients(
  begin: i32, end: i32, scratch: usize,
  time: i32, heads: i32, headDim: i32, groups: i32, state: i32, chunk: i32,
  u: usize, B: usize, C: usize, D: usize, channelD: usize, z: usize, mask: usize, dy: usize,
  du: usize, dB: usize, dC: usize, dz: usize,
  records: usize, states: usize, stateGrads: usize, partialD: usize, partialChannelD: usize,
): void {
  const chunks = (time + chunk - 1) / chunk;
  const headsOfGroup = heads / groups;
  const size = headDim * state;
  const inner = heads * headDim;
  const wide = groups * state;
  const rows = (chunk + ROWS - 1) / ROWS * ROWS;
  const most = max(chunk, max(state, headDim)) + COLUMNS;
  const length4 = (chunk + 7) & ~3;

  const keptB = scratch;
  const keptC = at(keptB, chunk * state);
  const rowsB = at(keptC, chunk * state); // as blocks
  const rowsC = at(rowsB, rows * state);
  const scores = at(rowsC, rows * state);
  const summed = at(scores, chunk * chunk); // R ∘ L
  const M = at(summed, chunk * chunk);
  const R = at(M, chunk * chunk);
  const x = at(R, chunk * chunk);
  const grad = at(x, chunk * headDim);
  const rowsGrad = at(grad, chunk * headDim); // as blocks
  const inside = at(rowsGrad, rows * headDim);
  const outside = at(inside, chunk * most);
  const block = at(outside, chunk * most);
  const panels = at(block, rows * most);
  const row = at(panels, max((headDim + COLUMNS) * state, max(chunk, headDim) * most) + COLUMNS * most);
  const since = at(row, length4);
  const to = at(since, length4);
  const flows = at(to, length4);
  const sinceFlows = at(flows, length4);
  const toFlows = at(sinceFlows, length4);

  for (let unit = begin; unit < end; unit++) {
    const group = unit % groups;
    const c = unit / groups % chunks;
    const b = unit / groups / chunks;
    const firstRow = b * time + c * chunk;
    const length = min(chunk, time - c * chunk);
    const vector = firstRow * wide + group * state;
    const ofMask = mask ? at(mask, firstRow) : 0;
    loadFinite(at(B, vector), wide, ofMask, length, state, keptB);
    loadFinite(at(C, vector), wide, ofMask, length, state, keptC);
    for (let t = 0; t < length; t += ROWS) {
      packRows(at(keptB, t * state), state, 1, length - t, state, at(rowsB, t * state));
      packRows(at(keptC, t * state), state, 1, length - t, state, at(rowsC, t * state));
    }
    packTransposedRows(keptB, length, state, panels);
    lowerProduct(rowsC, panels, scores, chunk, length, state);
    memory.fill(summed, 0, (<usize>(chunk * chunk)) << 2);
    for (let t = 0; t < length; t++) {
      memory.fill(at(dB, vector + t * wide), 0, (<usize>state) << 2);
      memory.fill(at(dC, vector + t * wide), 0, (<usize>state) << 2);
    }

    for (let head = group * headsOfGroup; head < (group + 1) * headsOfGroup; head++) {
      const record = at(records, ((b * heads + head) * time + c * chunk) * RECORD);
      const here = firstRow * inner + head * headDim;
      const h = at(states, ((b * chunks + c) * heads + head) * size);
      const g = at(stateGrads, ((b * chunks + c) * heads + head) * size);
      const total = decaysSince(record, length, since);
      decaysTo(record, length, to);
      loadFinite(at(u, here), inner, ofMask, length, headDim, x);
      loadFinite(at(dz, here), inner, 0, length, headDim, grad);

      // R, and what is made of it and L
      for (let t = 0; t < length; t += ROWS) {
        packRows(at(grad, t * headDim), headDim, 1, length - t, headDim, at(rowsGrad, t * headDim));
      }
      packTransposedRows(x, length, headDim, panels);
      lowerProduct(rowsGrad, panels, R, chunk, length, headDim);
      memory.fill(row, 0, (<usize>length4) << 2);
      memory.fill(flows, 0, (<usize>length4) << 2);
      for (let t = 0; t < length; t++) {
        const step = at(record, t * RECORD);
        const kind = load<i32>(at(step, KIND));
        decayRow(row, t, kind, load<f32>(at(step, DECAY)), kind == PADDING ? 0 : 1);
        weighRow(row, record, at(scores, t * chunk), at(M, t * chunk), at(R, t * chunk), at(summed, t * chunk), flows, t, length);
      }

      // by u
      packColumns(grad, headDim, headDim, length, panels, COLUMNS * chunk);
      for (let s = 0; s < length; s += ROWS) {
        packRows(at(M, s * chunk + s), 1, chunk, length - s, length - s, block);
        product(
          block, at(panels, s * COLUMNS), COLUMNS * chunk, at(inside, s * headDim), headDim,
          min(ROWS, length - s), length - s, headDim, false,
        );
      }
      packTransposedRows(g, headDim, state, panels);
      product(rowsB, panels, COLUMNS * state, outside, headDim, length, state, headDim, false);
      let skips: f32 = 0;
      const ofChannels = at(partialChannelD, ((b * chunks + c) * heads + head) * headDim);
      memory.fill(ofChannels, 0, (<usize>headDim) << 2);
      for (let t = 0; t < length; t++) {
        const step = at(record, t * RECORD);
        const place = here + t * inner;
        if (load<i32>(at(step, KIND)) == PADDING) {
          memory.fill(at(du, place), 0, (<usize>headDim) << 2);
          store<f32>(at(toFlows, t), 0);
          continue;
        }
        const d = f32x4.splat(load<f32>(at(step, STEP)));
        const reach = f32x4.splat(load<f32>(at(to, t)));
        let drives = f32x4.splat(0);
        let leaves = drives;
        for (let p = 0; p < headDim; p += 4) {
          const count = headDim - p;
          const at4 = t * headDim + p;
          const input = load4(at(x, at4), count);
          const upstream = load4(at(grad, at4), count);
          const out = f32x4.mul(reach, load4(at(outside, at4), count));
          const sum = f32x4.add(load4(at(inside, at4), count), out);
          drives = madd(input, sum, drives);
          leaves = madd(input, out, leaves);
          store4(at(du, place + p), madd(upstream, skipOf(D, channelD, head, headDim, p), f32x4.mul(d, sum)), count);
          store4(at(ofChannels, p), madd(upstream, input, load4(at(ofChannels, p), count)), count);
        }
        store<f32>(at(step, DRIVE_GRADIENT), sumLanes(drives));
        store<f32>(at(toFlows, t), sumLanes(leaves) * load<f32>(at(step, STEP)));
      }
      for (let p = 0; p < headDim; p++) skips += load<f32>(at(ofChannels, p));
      store<f32>(at(partialD, (b * chunks + c) * heads + head), skips);

      // by C and B, over the borders
      packColumns(h, state, state, headDim, panels, COLUMNS * headDim);
      product(rowsGrad, panels, COLUMNS * headDim, outside, state, length, headDim, state, false);
      for (let t = 0; t < length; t++) {
        const weight = load<f32>(at(since, t));
        const flow = addWeighted(at(outside, t * state), weight, at(keptC, t * state), at(dC, vector + t * wide), state);
        store<f32>(at(sinceFlows, t), flow);
      }
      for (let t = 0; t < length; t += ROWS) {
        packRows(at(x, t * headDim), headDim, 1, length - t, headDim, at(block, t * headDim));
      }
      packColumns(g, state, state, headDim, panels, COLUMNS * headDim);
      product(block, panels, COLUMNS * headDim, outside, state, length, headDim, state, false);
      for (let t = 0; t < length; t++) {
        const weight = load<f32>(at(to, t)) * load<f32>(at(record, t * RECORD + STEP));
        addWeighted(at(outside, t * state), weight, at(keptB, t * state), at(dB, vector + t * wide), state);
      }

      // by the exponents of decays
      let entering: f32 = total == 0 ? 0 : total * dot(h, g, size);
      for (let t = length - 1; t >= 0; t--) {
        entering += load<f32>(at(sinceFlows, t));
        store<f32>(at(flows, t), load<f32>(at(flows, t)) + entering);
      }
      let leaving: f32 = 0;
      for (let t = 0; t < length; t++) {
        store<f32>(at(record, t * RECORD + DECAY_GRADIENT), load<f32>(at(flows, t)) + leaving);
        leaving += load<f32>(at(toFlows, t));
      }

      // by z
      if (z) {
        for (let t = 0; t < length; t++) {
          scale(at(x, t * headDim), load<f32>(at(record, t * RECORD + STEP)), headDim);
        }
        packColumns(x, headDim, headDim, length, panels, COLUMNS * chunk);
        for (let t = 0; t < length; t += ROWS) {
          const reach = min(t + ROWS, length);
          packRows(at(M, t * chunk), chunk, 1, length - t, reach, block);
          product(block, panels, COLUMNS * chunk, at(inside, t * headDim), headDim, min(ROWS, length - t), reach, headDim, false);
        }
        packTransposedRows(h, headDim, state, panels);
        product(rowsC, panels, COLUMNS * state, outside, headDim, length, state, headDim, false);
      }
      for (let t = 0; t < length; t++) {
        const place = here + t * inner;
        if (z == 0 || dy == 0 || load<i32>(at(record, t * RECORD + KIND)) == PADDING) {
          memory.fill(at(dz, place), 0, (<usize>headDim) << 2);
          continue;
        }
        const weight = f32x4.splat(load<f32>(at(since, t)));
        for (let p = 0; p < headDim; p += 4) {
          const count = headDim - p;
          const at4 = t * headDim + p;
          const skip = skipOf(D, channelD, head, headDim, p);
          let out = madd(weight, load4(at(outside, at4), count), load4(at(inside, at4), count));
          out = madd(skip, load4(at(u, place + p), count), out);
          const gate = load4(at(z, place + p), count);
          const s = sigmoid(gate);
          const one = f32x4.splat(1);
          const slope = f32x4.mul(s, madd(gate, f32x4.sub(one, s), one));
          store4(at(dz, place + p), f32x4.mul(f32x4.mul(load4(at(dy, place + p), count), out), slope), count);
        }
      }
    }

    // by C and B, within the chunk
    packColumns(keptB, state, state, length, panels, COLUMNS * chunk);
    for (let t = 0; t < length; t += ROWS) {
      const reach = min(t + ROWS, length);
      packRows(at(summed, t * chunk), chunk, 1, length - t, reach, block);
      product(block, panels, COLUMNS * chunk, at(dC, vector + t * wide), wide, min(ROWS, length - t), reach, state, true);
    }
    packColumns(keptC, state, state, length, panels, COLUMNS * chunk);
    for (let s = 0; s < length; s += ROWS) {
      packRows(at(summed, s * chunk + s), 1, chunk, length - s, length - s, block);
      product(
        block, at(panels, s * COLUMNS), COLUMNS * chunk, at(dB, vector + s * wide), wide,
        min(ROWS, length - s), length - s, state, true,
      );
    }
  }
}

/** Row `t` of M, and of R times step sizes; adds R ∘ L to its sum and M ∘ R to what flows over each step up to `t`. */
function weighRow(
  L: usize, record: usize, scores: usize, M: usize, R: usize, summed: usize, flows: usize, t: i32, length: i32,
): void {
  let flow: f32 = 0; // from before each step
  for (let s = 0; s <= t; s++) {
    const decay = load<f32>(at(L, s));
    const weight = load<f32>(at(scores, s)) * decay;
    const grad = load<f32>(at(R, s)) * load<f32>(at(record, s * RECORD + STEP));
    store<f32>(at(M, s), weight);
    store<f32>(at(summed, s), load<f32>(at(summed, s)) + grad * decay);
    store<f32>(at(flows, s), load<f32>(at(flows, s)) + flow);
    flow += weight * grad;
  }
  for (let s = t + 1; s < length; s++) store<f32>(at(M, s), 0);
}

@inline
function skipOf(D: usize, channelD: usize, head: i32, headDim: i32, p: i32): v128 {
  const skip = D ? v128.load_splat<f32>(at(D, head)) : f32x4.splat(0);
  return channelD ? f32x4.add(skip, load4(at(channelD, head * headDim + p), headDim - p)) : skip;
}
