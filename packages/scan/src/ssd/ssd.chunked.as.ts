/**
 * SSD in chunks of time, with matrix products on the inner loops of `matmul`. `ssdScores` has a unit for each chunk of a
 * group: it packs `C` and computes `C[t] · B[s]` for s <= t, once for all heads of the group. `ssdChunked` has a unit for
 * each head of a sequence and walks its chunks in order, with the state in scratch:
 *
 *     y[t] = sum over s <= t of (C[t] · B[s]) · L[t, s] · u[s]  +  L[t, start] · C[t] · h      h the state before the chunk
 *     h    = L[end, start] · h + sum over s of L[end, s] · B[s] ⊗ u[s]
 *
 * with `L[t, s] = a[t] · … · a[s+1] · d[s]`. A row of `L` is made of the row before: one product an element, no exponential,
 * and no quotient that overflows. Blocks of six steps at a time, so that only `L` below the diagonal is computed.
 *
 * Multiply-adds, each in products: `batch · time · heads · headDim · (2 · state + chunk / 2)`. Memory beside inputs and
 * outputs: in the workspace `chunk + state` elements for each step of a group; in each thread's scratch the state and a
 * chunk of `u` and `B`. A chunk whose `u`, `B` or `C` are not all finite is computed step by step, so that a NaN goes
 * nowhere that the recurrence would not bring it.
 */
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4 } from "../../../wasm/src/snippets/memory.as.ts";
import { COLUMNS, packRows, packTransposed, product, ROWS } from "../../../wasm/src/snippets/product.as.ts";
import { scale } from "./ssd.chunk.as.ts";
import { BEGINNING, decayRow, finish, kindOf, loadFinite, packWeighted, ORDINARY, PADDING, stepSizes } from "./ssd.steps.as.ts";

/** What a decay is held above, so that no processor meets a subnormal. */
const SMALLEST: f32 = 1e-30;

/**
 * Of each chunk of a group: `C` as blocks of rows, scores as blocks of rows that are all as long as the chunk, and whether
 * `B` and `C` are finite.
 */
export function ssdScores(
  begin: i32, end: i32, scratch: usize,
  time: i32, groups: i32, state: i32, chunk: i32,
  B: usize, C: usize, mask: usize,
  packedC: usize, scores: usize, finite: usize,
): void {
  const chunks = (time + chunk - 1) / chunk;
  const rows = (chunk + ROWS - 1) / ROWS * ROWS;
  const keptB = scratch;
  const keptC = at(keptB, chunk * state);
  const panels = at(keptC, chunk * state); // of B, turned
  const block = at(panels, (chunk + COLUMNS) * state);

  for (let unit = begin; unit < end; unit++) {
    const group = unit % groups;
    const first = unit / groups % chunks * chunk;
    const row = unit / groups / chunks * time + first;
    const length = min(chunk, time - first);
    const vector = (row * groups + group) * state;
    const kept = mask ? at(mask, row) : 0;
    const finiteB = loadFinite(at(B, vector), groups * state, kept, length, state, keptB);
    const finiteC = loadFinite(at(C, vector), groups * state, kept, length, state, keptC);
    store<i32>(at(finite, unit), finiteB && finiteC ? 1 : 0);

    const ofC = at(packedC, unit * rows * state);
    for (let t = 0; t < length; t += ROWS) packRows(at(keptC, t * state), state, 1, length - t, state, at(ofC, t * state));
    for (let s = 0; s < length; s += COLUMNS) {
      packTransposed(at(keptB, s * state), state, length - s, state, at(panels, s * state));
    }
    for (let t = 0; t < length; t += ROWS) {
      const reach = min(t + ROWS, length);
      product(at(ofC, t * state), panels, COLUMNS * state, block, chunk, ROWS, state, reach, false);
      packRows(block, chunk, 1, ROWS, reach, at(scores, (unit * rows + t) * chunk));
    }
  }
}

export function ssdChunked(
  begin: i32, end: i32, scratch: usize,
  time: i32, heads: i32, headDim: i32, groups: i32, state: i32, chunk: i32,
  u: usize, delta: usize, A: usize, B: usize, D: usize, channelD: usize, z: usize, deltaBias: usize, logDecay: usize,
  initialState: usize, mask: usize, seqIdx: usize,
  y: usize, finalState: usize,
  packedC: usize, scores: usize, finite: usize,
  deltaSoftplus: i32, deltaMin: i32, deltaMax: i32,
): void {
  const chunks = (time + chunk - 1) / chunk;
  const rows = (chunk + ROWS - 1) / ROWS * ROWS;
  const channels = (headDim + COLUMNS - 1) & -COLUMNS;
  const length4 = (chunk + 3) & ~3;
  const h = scratch; // panels of eight channels, `state 8`
  const steps = at(h, channels * state);
  const decays = at(steps, length4);
  const row = at(decays, length4); // of L
  const panels = at(row, length4 + 4); // of u
  const packedB = at(panels, channels * chunk);
  const weights = at(packedB, (state + ROWS) * chunk);
  const inside = at(weights, ROWS * chunk); // what of y comes from the chunk
  const before = at(inside, ROWS * channels); // and from the state before it
  const lowest = f32x4.splat(reinterpret<f32>(deltaMin));
  const highest = f32x4.splat(reinterpret<f32>(deltaMax));

  for (let unit = begin; unit < end; unit++) {
    const b = unit / heads;
    const head = unit % heads;
    const group = head / (heads / groups);
    const matrix = unit * headDim * state;
    const skip = D ? at(D, head) : 0;
    const skips = channelD ? at(channelD, head * headDim) : 0;
    if (initialState) {
      for (let p = 0; p < headDim; p += COLUMNS) {
        packTransposed(at(initialState, matrix + p * state), state, headDim - p, state, at(h, p * state));
      }
    } else {
      memory.fill(h, 0, (<usize>(channels * state)) << 2);
    }
    let sequence = -1; // row of the last step that is no padding

    for (let c = 0; c < chunks; c++) {
      const firstRow = b * time + c * chunk;
      const length = min(chunk, time - c * chunk);
      const firstStep = firstRow * heads + head;
      const ofGroup = (b * chunks + c) * groups + group;
      const Bc = at(B, (firstRow * groups + group) * state);
      stepSizes(
        delta, deltaBias ? at(deltaBias, head) : 0, logDecay, at(A, head), firstStep, heads, length,
        deltaSoftplus, lowest, highest, steps, decays,
      );
      const whole = packInput(at(u, firstStep * headDim), heads * headDim, mask ? at(mask, firstRow) : 0, length, headDim, panels, chunk)
        && load<i32>(at(finite, ofGroup)) != 0;
      memory.fill(row, 0, (<usize>length4) << 2);
      let decay: f32 = 1; // since the chunk began
      for (let t = 0; t < length; t += ROWS) {
        const count = min(ROWS, length - t);
        const ofC = at(packedC, (ofGroup * rows + t) * state);
        const ofScores = at(scores, (ofGroup * rows + t) * chunk);
        if (whole) {
          product(ofC, h, COLUMNS * state, before, channels, ROWS, state, channels, false);
        }
        if (count < ROWS) memory.fill(weights, 0, (<usize>(ROWS * (t + count))) << 2);
        for (let i = 0; i < count; i++) {
          const kind = kindOf(mask, seqIdx, firstRow + t + i, sequence);
          if (kind != PADDING) sequence = firstRow + t + i;
          const size: f32 = kind == PADDING ? 0 : load<f32>(at(steps, t + i));
          // 0 only after the beginning of a sequence, which no NaN passes
          if (kind == BEGINNING) decay = 0;
          else if (kind == ORDINARY && decay != 0) decay = max(decay * load<f32>(at(decays, t + i)), SMALLEST);
          const place = at(inside, i * channels);
          if (!whole) {
            stepByStep(kind, size, load<f32>(at(decays, t + i)), panels, t + i, chunk, at(Bc, (t + i) * groups * state), at(ofC, i), h, channels, state, place);
            continue;
          }
          decayRow(row, t + i, kind, load<f32>(at(decays, t + i)), size);
          for (let s = 0; s <= t + i; s++) {
            store<f32>(at(weights, s * ROWS + i), load<f32>(at(ofScores, s * ROWS + i)) * load<f32>(at(row, s)));
          }
          for (let s = t + i + 1; s < t + count; s++) store<f32>(at(weights, s * ROWS + i), 0);
          scale(at(before, i * channels), decay, channels);
        }
        if (whole) product(weights, panels, COLUMNS * chunk, inside, channels, ROWS, t + count, channels, false);
        for (let i = 0; i < count; i++) {
          const here = (firstStep + (t + i) * heads) * headDim;
          if (mask != 0 && load<i32>(at(mask, firstRow + t + i)) == 0) {
            memory.fill(at(y, here), 0, (<usize>headDim) << 2);
            continue;
          }
          for (let p = 0; p < headDim; p += 4) {
            let out = v128.load(at(inside, i * channels + p));
            if (whole) out = f32x4.add(out, v128.load(at(before, i * channels + p)));
            finish(out, load4(at(u, here + p), headDim - p), skip, skips, z, y, here, p, headDim);
          }
        }
      }
      if (!whole) continue;
      scale(h, decay, channels * state);
      for (let n = 0; n < state; n += ROWS) {
        packWeighted(at(Bc, n), groups * state, row, state - n, length, at(packedB, n * length));
      }
      for (let p = 0; p < channels; p += COLUMNS) {
        product(packedB, at(panels, p * chunk), 0, at(h, p * state), COLUMNS, state, length, COLUMNS, true);
      }
    }
    for (let p = 0; p < headDim; p++) {
      const from = at(h, (p & -COLUMNS) * state + p % COLUMNS);
      for (let n = 0; n < state; n++) store<f32>(at(finalState, matrix + p * state + n), load<f32>(at(from, n * COLUMNS)));
    }
  }
}

/** Packs `u` of a chunk, zeros where it is padding, and says whether all of it is finite. */
function packInput(u: usize, stride: i32, mask: usize, length: i32, headDim: i32, panels: usize, chunk: i32): bool {
  const zero = f32x4.splat(0);
  let spoilt = zero;
  for (let p = 0; p < headDim; p += COLUMNS) {
    const panel = at(panels, p * chunk);
    for (let t = 0; t < length; t++) {
      const from = at(u, t * stride + p);
      const kept = mask == 0 || load<i32>(at(mask, t)) != 0;
      const low = kept ? load4(from, headDim - p) : zero;
      const high = kept && headDim - p > 4 ? load4(from + 16, headDim - p - 4) : zero;
      spoilt = madd(low, zero, madd(high, zero, spoilt));
      v128.store(at(panel, t * COLUMNS), low);
      v128.store(at(panel, t * COLUMNS), high, 16);
    }
  }
  return !v128.any_true(f32x4.ne(spoilt, zero));
}

/** The recurrence, for step `t` of a chunk; `C` is a row of a block. */
function stepByStep(
  kind: i32, size: f32, decay: f32, panels: usize, t: i32, chunk: i32, B: usize, C: usize,
  h: usize, channels: i32, state: i32, out: usize,
): void {
  if (kind == PADDING) return;
  if (kind != ORDINARY) memory.fill(h, 0, (<usize>(channels * state)) << 2);
  const kept = f32x4.splat(decay);
  for (let p = 0; p < channels; p += 4) {
    const input = v128.load(at(panels, (p & -COLUMNS) * chunk + t * COLUMNS + (p & 4)));
    const drive = f32x4.mul(f32x4.splat(size), input);
    let place = at(h, (p & -COLUMNS) * state + (p & 4));
    let sum = f32x4.splat(0);
    for (let n = 0; n < state; n++) {
      const next = madd(kept, v128.load(place), f32x4.mul(drive, v128.load_splat<f32>(at(B, n))));
      v128.store(place, next);
      sum = madd(v128.load_splat<f32>(at(C, n * ROWS)), next, sum);
      place = at(place, COLUMNS);
    }
    v128.store(at(out, p), sum);
  }
}
