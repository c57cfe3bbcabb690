/**
 * Gradient of the selective scan. A unit is up to 32 neighbouring channels of one sequence, computed four at a time, a
 * lane each. It walks time forward in chunks of 32 steps and keeps the states at their borders, then backward: of a
 * chunk, the states and decays are computed again, for four channels 1 KiB a state that stays in the first-level cache.
 * States of the whole sequence are never held.
 *
 * Sums over channels are taken over the unit's and left in the workspace, sums over time for each sequence; further
 * passes combine both, in an order that sizes alone decide.
 *
 * Work: two exponentials and some 12 multiply-adds for each `batch · time · inner · state`. Memory beside inputs and
 * outputs: `8 · state / 32` bytes in the workspace and `4 · state / inner` in each thread's scratch for each element of
 * `u`. At batch 1, inner 1536, state 16, length 4096, where `u` has 25.2 MB, that is 25.3 MB and 0.3 MB a thread: 1.03
 * times `u` on two threads.
 */
import { exp2Decay } from "../../../wasm/src/snippets/exp.as.ts";
import { fromLanes, toLanes } from "../../../wasm/src/snippets/lanes.as.ts";
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { sigmoid } from "../../../wasm/src/snippets/sigmoid.as.ts";
import { softplus } from "../../../wasm/src/snippets/softplus.as.ts";
import { sums4 } from "../../../wasm/src/snippets/sum.as.ts";
import { sumRows } from "../../../wasm/src/snippets/sum-rows.as.ts";

export { sumRows };

const CHANNELS = 32;
const CHUNK = 32;
const LOG2_E: f32 = 1.4426950408889634;

export function selectiveScanBackward(
  begin: i32, end: i32, scratch: usize,
  batch: i32, time: i32, inner: i32, state: i32,
  u: usize, delta: usize, A: usize, B: usize, C: usize,
  D: usize, z: usize, deltaBias: usize, initialState: usize, mask: usize, dy: usize, dfinalState: usize,
  du: usize, ddelta: usize, dz: usize, dinitialState: usize,
  workspace: usize, deltaSoftplus: i32,
): void {
  const blocks = (inner + CHANNELS - 1) / CHANNELS;
  const chunks = (time + CHUNK - 1) / CHUNK;
  const size = CHANNELS * state;
  const lane = 4 * state; // elements of four channels

  const partialB = workspace;
  const partialC = at(partialB, blocks * batch * time * state);
  const partialA = at(partialC, blocks * batch * time * state);
  const partialD = at(partialA, batch * inner * state);
  const partialBias = at(partialD, batch * inner);

  const rates = scratch;
  const g = at(rates, size);
  const rateSums = at(g, size);
  const skipSums = at(rateSums, size);
  const biasSums = at(skipSums, CHANNELS);
  const steps = at(biasSums, CHANNELS);
  const slopes = at(steps, CHUNK * 4);
  const chunkSums = at(slopes, CHUNK * 4);
  const decays = at(chunkSums, lane);
  const sumsB = at(decays, CHUNK * lane);
  const sumsC = at(sumsB, CHUNK * lane);
  const states = at(sumsC, CHUNK * lane); // one more than steps
  const borders = at(states, (CHUNK + 1) * lane);

  for (let unit = begin; unit < end; unit++) {
    const b = unit / blocks;
    const block = unit % blocks;
    const first = block * CHANNELS;
    const last = min(first + CHANNELS, inner);
    const channels = (b * inner + first) * state;

    toLanes(at(A, first * state), rates, last - first, state, state);
    if (initialState) toLanes(at(initialState, channels), borders, last - first, state, state);
    else memory.fill(borders, 0, (<usize>size) << 2);
    if (dfinalState) toLanes(at(dfinalState, channels), g, last - first, state, state);
    else memory.fill(g, 0, (<usize>size) << 2);
    memory.fill(rateSums, 0, (<usize>(size + 2 * CHANNELS)) << 2);

    for (let chunk = 0; chunk < chunks - 1; chunk++) {
      const row = b * time + chunk * CHUNK;
      for (let e = first; e < last; e += 4) {
        const count = last - e;
        const border = at(borders, chunk * size + (e - first) * state);
        stepSizes(at(delta, row * inner + e), deltaBias ? at(deltaBias, e) : 0, inner, deltaSoftplus, count, CHUNK, steps, 0);
        memory.copy(states, border, (<usize>lane) << 2);
        advance(
          states, decays, steps, at(rates, (e - first) * state), at(u, row * inner + e), at(B, row * state),
          mask ? at(mask, row) : 0, inner, state, count, CHUNK,
        );
        memory.copy(at(border, size), at(states, CHUNK * lane), (<usize>lane) << 2);
      }
    }

    for (let chunk = chunks - 1; chunk >= 0; chunk--) {
      const row = b * time + chunk * CHUNK;
      const length = min(CHUNK, time - chunk * CHUNK);
      const ignored = mask ? at(mask, row) : 0;
      memory.fill(sumsB, 0, (<usize>(2 * CHUNK * lane)) << 2); // and sumsC
      for (let e = first; e < last; e += 4) {
        const count = last - e;
        const here = row * inner + e;
        const place = (e - first) * state;
        stepSizes(at(delta, here), deltaBias ? at(deltaBias, e) : 0, inner, deltaSoftplus, count, length, steps, slopes);
        memory.copy(states, at(borders, chunk * size + place), (<usize>lane) << 2);
        advance(
          states, decays, steps, at(rates, place), at(u, here), at(B, row * state), ignored, inner, state, count, length,
        );
        retreat(
          states, decays, steps, slopes, at(rates, place), at(g, place), chunkSums, sumsB, sumsC,
          at(skipSums, e - first), at(biasSums, e - first),
          at(u, here), at(B, row * state), at(C, row * state), D ? at(D, e) : 0, z ? at(z, here) : 0, ignored,
          dy ? at(dy, here) : 0, at(du, here), at(ddelta, here), at(dz, here), inner, state, count, length,
        );
        addTo(at(rateSums, place), chunkSums, state);
      }
      const to = (block * batch * time + row) * state;
      sumLanes(sumsB, at(partialB, to), state, length);
      sumLanes(sumsC, at(partialC, to), state, length);
    }

    fromLanes(g, at(dinitialState, channels), last - first, state, state);
    fromLanes(rateSums, at(partialA, channels), last - first, state, state);
    memory.copy(at(partialD, b * inner + first), skipSums, (<usize>(last - first)) << 2);
    memory.copy(at(partialBias, b * inner + first), biasSums, (<usize>(last - first)) << 2);
  }
}

/** `softplus(delta + bias)` of four channels, or without one or both, and the slope of softplus where `slopes` is given. */
function stepSizes(
  delta: usize, bias: usize, inner: i32, plus: i32, count: i32, length: i32, steps: usize, slopes: usize,
): void {
  for (let t = 0; t < length; t++) {
    let d = load4(at(delta, t * inner), count);
    if (bias) d = f32x4.add(d, load4(bias, count));
    if (slopes) v128.store(at(slopes, t * 4), plus ? sigmoid(d) : f32x4.splat(1));
    v128.store(at(steps, t * 4), plus ? softplus(d) : d);
  }
}

/** States of four channels after every step, from the one that `states` begins with, and every decay. */
function advance(
  states: usize, decays: usize, steps: usize, rates: usize, u: usize, B: usize, ignored: usize,
  inner: i32, state: i32, count: i32, length: i32,
): void {
  const vectors = (<usize>state) << 4;
  for (let t = 0; t < length; t++, states += vectors, decays += vectors) {
    if (ignored != 0 && load<i32>(at(ignored, t)) == 0) {
      memory.copy(states + vectors, states, vectors);
      continue;
    }
    const d = v128.load(at(steps, t * 4));
    const drive = f32x4.mul(d, load4(at(u, t * inner), count));
    // exp(d · A) = 2^(d · log2 e · A), and the power of two is the cheaper one
    const d2 = f32x4.mul(d, f32x4.splat(LOG2_E));
    const Bt = at(B, t * state);
    let n = 0;
    let place: usize = 0;
    // two at a time, as they share the constants of the power of two
    for (; n + 2 <= state; n += 2, place += 32) {
      const decay = exp2Decay(f32x4.mul(d2, v128.load(rates + place)));
      const decay1 = exp2Decay(f32x4.mul(d2, v128.load(rates + place, 16)));
      v128.store(decays + place, decay);
      v128.store(decays + place, decay1, 16);
      const input = f32x4.mul(drive, v128.load_splat<f32>(at(Bt, n)));
      const input1 = f32x4.mul(drive, v128.load_splat<f32>(at(Bt, n), 4));
      v128.store(states + place + vectors, madd(decay, v128.load(states + place), input));
      v128.store(states + place + vectors, madd(decay1, v128.load(states + place, 16), input1), 16);
    }
    if (n < state) {
      const decay = exp2Decay(f32x4.mul(d2, v128.load(rates + place)));
      const input = f32x4.mul(drive, v128.load_splat<f32>(at(Bt, n)));
      v128.store(decays + place, decay);
      v128.store(states + place + vectors, madd(decay, v128.load(states + place), input));
    }
  }
}

/** Walks four channels back through a chunk; adds to the sums, and overwrites `chunkSums` with what `dA` gets of it. */
function retreat(
  states: usize, decays: usize, steps: usize, slopes: usize, rates: usize, g: usize,
  chunkSums: usize, sumsB: usize, sumsC: usize, skipSum: usize, biasSum: usize,
  u: usize, B: usize, C: usize, D: usize, z: usize, ignored: usize, dy: usize,
  du: usize, ddelta: usize, dz: usize, inner: i32, state: i32, count: i32, length: i32,
): void {
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  const vectors = (<usize>state) << 4;
  const skip = D ? load4(D, count) : zero;
  let skips = zero;
  let biases = zero;
  memory.fill(chunkSums, 0, vectors);
  for (let t = length - 1; t >= 0; t--) {
    const here = t * inner;
    if (ignored != 0 && load<i32>(at(ignored, t)) == 0) {
      store4(at(du, here), zero, count);
      store4(at(ddelta, here), zero, count);
      store4(at(dz, here), zero, count);
      continue;
    }
    const d = v128.load(at(steps, t * 4));
    const input = load4(at(u, here), count);
    const drive = f32x4.mul(d, input);
    const upstream = dy ? load4(at(dy, here), count) : zero;
    let dout = upstream;
    let gateSlope = zero;
    if (z) {
      const gate = load4(at(z, here), count);
      const s = sigmoid(gate);
      dout = f32x4.mul(upstream, f32x4.mul(gate, s));
      gateSlope = f32x4.mul(s, madd(gate, f32x4.sub(one, s), one));
    }
    let out = f32x4.mul(skip, input);
    let alongB = zero; // sum over the state of g · B
    let alongA = zero; // and of g · decay · A · the state before
    const Bt = at(B, t * state);
    const Ct = at(C, t * state);
    const row = vectors * <usize>t;
    for (let n = 0; n < state; n++) {
      const place = (<usize>n) << 4;
      const here = row + place;
      const after = v128.load(states + here + vectors);
      const c = v128.load_splat<f32>(at(Ct, n));
      out = madd(c, after, out);
      v128.store(sumsC + here, madd(dout, after, v128.load(sumsC + here)));
      const gn = madd(dout, c, v128.load(g + place));
      v128.store(sumsB + here, madd(gn, drive, v128.load(sumsB + here)));
      alongB = madd(gn, v128.load_splat<f32>(at(Bt, n)), alongB);
      const carried = f32x4.mul(gn, v128.load(decays + here));
      v128.store(g + place, carried);
      const slope = f32x4.mul(carried, v128.load(states + here));
      v128.store(chunkSums + place, madd(slope, d, v128.load(chunkSums + place)));
      alongA = madd(slope, v128.load(rates + place), alongA);
    }
    const dstep = f32x4.mul(madd(alongB, input, alongA), v128.load(at(slopes, t * 4)));
    store4(at(du, here), madd(dout, skip, f32x4.mul(d, alongB)), count);
    store4(at(ddelta, here), dstep, count);
    store4(at(dz, here), z ? f32x4.mul(f32x4.mul(upstream, out), gateSlope) : zero, count);
    skips = madd(dout, input, skips);
    biases = f32x4.add(biases, dstep);
  }
  v128.store(skipSum, f32x4.add(v128.load(skipSum), skips));
  v128.store(biasSum, f32x4.add(v128.load(biasSum), biases));
}

function addTo(sums: usize, values: usize, vectors: i32): void {
  for (let i = 0; i < vectors * 4; i += 4) {
    v128.store(at(sums, i), f32x4.add(v128.load(at(sums, i)), v128.load(at(values, i))));
  }
}

/** Each vector of `rows state` as the sum of its lanes. */
function sumLanes(lanes: usize, to: usize, state: i32, rows: i32): void {
  for (let r = 0; r < rows; r++) {
    const row = at(lanes, r * state * 4);
    for (let n = 0; n < state; n += 4) {
      const from = at(row, n * 4);
      const sums = sums4(v128.load(from), v128.load(from, 16), v128.load(from, 32), v128.load(from, 48));
      store4(at(to, r * state + n), sums, state - n);
    }
  }
}
