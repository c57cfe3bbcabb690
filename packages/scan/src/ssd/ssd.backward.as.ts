/**
 * Gradient of SSD in three passes; sums over heads and batches follow in passes of `sumRows`. A unit is a head of one
 * sequence throughout.
 *
 * `ssdSteps` writes a record for each step of a head: how it changes the state, its size, decay and slope. `ssdBackward`
 * walks time forward in chunks of 32 steps and keeps the states at their borders, then backward: of a chunk, the states
 * of four channels are computed again, which are 2 KiB a state. States of the whole sequence are never held. Sums over
 * channels of what flows into decay and step size go into the records, and `ssdStepGradients` takes them from there.
 *
 * Work: 11 multiply-adds for each `batch · time · heads · headDim · state`. Memory beside inputs and outputs: in the
 * workspace 24 bytes and `8 · state` bytes for each `batch · time · heads`, which is `2 · state / headDim` times `u`; in
 * each thread's scratch `headDim · state / 8` bytes a step.
 */
import { exp } from "../../../wasm/src/snippets/exp.as.ts";
import { fromLanes, toLanes } from "../../../wasm/src/snippets/lanes.as.ts";
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, gather4, load4, scatter4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { sigmoid } from "../../../wasm/src/snippets/sigmoid.as.ts";
import { softplus } from "../../../wasm/src/snippets/softplus.as.ts";
import { sums4 } from "../../../wasm/src/snippets/sum.as.ts";
import { DECAY, DECAY_GRADIENT, DRIVE_GRADIENT, KIND, RECORD, SLOPE, STEP } from "./ssd.record.as.ts";
import { BEGINNING, kindOf, PADDING } from "./ssd.steps.as.ts";

const CHUNK = 32;

export function ssdSteps(
  begin: i32, end: i32, scratch: usize,
  time: i32, heads: i32,
  delta: usize, A: usize, deltaBias: usize, logDecay: usize, mask: usize, seqIdx: usize,
  records: usize,
  deltaSoftplus: i32, deltaMin: i32, deltaMax: i32,
): void {
  const lowest = f32x4.splat(reinterpret<f32>(deltaMin));
  const highest = f32x4.splat(reinterpret<f32>(deltaMax));
  const zero = f32x4.splat(0);
  for (let unit = begin; unit < end; unit++) {
    const b = unit / heads;
    const head = unit % heads;
    const rate = v128.load_splat<f32>(at(A, head));
    let last = -1;
    for (let t = 0; t < time; t++) {
      const row = b * time + t;
      const kind = kindOf(mask, seqIdx, row, last);
      if (kind != PADDING) last = row;
      store<i32>(at(records, (unit * time + t) * RECORD + KIND), kind);
    }
    for (let t = 0; t < time; t += 4) {
      const count = time - t;
      const from = (b * time + t) * heads + head;
      const to = at(records, (unit * time + t) * RECORD);
      let raw = gather4(at(delta, from), heads, count);
      if (deltaBias) raw = f32x4.add(raw, v128.load_splat<f32>(at(deltaBias, head)));
      const unbounded = deltaSoftplus ? softplus(raw) : raw;
      const outside = v128.or(f32x4.lt(unbounded, lowest), f32x4.gt(unbounded, highest));
      const slope = v128.andnot(deltaSoftplus ? sigmoid(raw) : f32x4.splat(1), outside);
      const d = f32x4.min(f32x4.max(unbounded, lowest), highest);
      const given = logDecay ? gather4(at(logDecay, from), heads, count) : zero;
      scatter4(at(to, STEP), RECORD, d, count);
      scatter4(at(to, DECAY), RECORD, exp(madd(d, rate, given)), count);
      scatter4(at(to, SLOPE), RECORD, slope, count);
    }
    for (let t = 0; t < time; t++) {
      const record = at(records, (unit * time + t) * RECORD);
      if (load<i32>(at(record, KIND)) == PADDING) store<f32>(at(record, STEP), 0); // whatever was given
    }
  }
}

export function ssdBackward(
  begin: i32, end: i32, scratch: usize,
  batch: i32, time: i32, heads: i32, headDim: i32, groups: i32, state: i32,
  u: usize, B: usize, C: usize, D: usize, channelD: usize, z: usize,
  initialState: usize, dy: usize, dfinalState: usize,
  du: usize, dz: usize, dinitialState: usize,
  records: usize, partialB: usize, partialC: usize, partialD: usize, partialChannelD: usize,
): void {
  const chunks = (time + CHUNK - 1) / CHUNK;
  const headsOfGroup = heads / groups;
  const channels = (headDim + 3) & ~3;
  const size = channels * state;
  const lane = 4 * state; // elements of four channels
  const wide = groups * state; // elements of B from step to step
  const inner = heads * headDim; // and of u

  const g = scratch;
  const skipSums = at(g, size);
  const decaySums = at(skipSums, channels);
  const driveSums = at(decaySums, CHUNK * 4);
  const sumsB = at(driveSums, CHUNK * 4);
  const sumsC = at(sumsB, CHUNK * lane);
  const states = at(sumsC, CHUNK * lane); // one more than steps
  const borders = at(states, (CHUNK + 1) * lane);

  for (let unit = begin; unit < end; unit++) {
    const b = unit / heads;
    const head = unit % heads;
    const group = head / headsOfGroup;
    const matrix = unit * headDim * state;

    if (initialState) toLanes(at(initialState, matrix), borders, headDim, state, state);
    else memory.fill(borders, 0, (<usize>size) << 2);
    if (dfinalState) toLanes(at(dfinalState, matrix), g, headDim, state, state);
    else memory.fill(g, 0, (<usize>size) << 2);
    memory.fill(skipSums, 0, (<usize>channels) << 2);

    for (let chunk = 0; chunk < chunks - 1; chunk++) {
      const row = b * time + chunk * CHUNK;
      const record = at(records, (unit * time + chunk * CHUNK) * RECORD);
      for (let p = 0; p < headDim; p += 4) {
        const border = at(borders, chunk * size + p * state);
        const here = row * inner + head * headDim + p;
        memory.copy(states, border, (<usize>lane) << 2);
        advance(states, record, at(u, here), at(B, row * wide + group * state), inner, wide, state, headDim - p, CHUNK);
        memory.copy(at(border, size), at(states, CHUNK * lane), (<usize>lane) << 2);
      }
    }

    for (let chunk = chunks - 1; chunk >= 0; chunk--) {
      const row = b * time + chunk * CHUNK;
      const record = at(records, (unit * time + chunk * CHUNK) * RECORD);
      const length = min(CHUNK, time - chunk * CHUNK);
      const Bt = at(B, row * wide + group * state);
      const Ct = at(C, row * wide + group * state);
      memory.fill(decaySums, 0, (<usize>(8 * CHUNK + 2 * CHUNK * lane)) << 2); // all four sums
      for (let p = 0; p < headDim; p += 4) {
        const count = headDim - p;
        const here = row * inner + head * headDim + p;
        let skip = D ? v128.load_splat<f32>(at(D, head)) : f32x4.splat(0);
        if (channelD) skip = f32x4.add(skip, load4(at(channelD, head * headDim + p), count));
        memory.copy(states, at(borders, chunk * size + p * state), (<usize>lane) << 2);
        advance(states, record, at(u, here), Bt, inner, wide, state, count, length);
        retreat(
          states, record, at(g, p * state), decaySums, driveSums, sumsB, sumsC, at(skipSums, p), at(u, here), Bt, Ct, skip,
          z ? at(z, here) : 0, dy ? at(dy, here) : 0, at(du, here), at(dz, here), inner, wide, state, count, length,
        );
      }
      for (let t = 0; t < length; t++) {
        store<f32>(at(record, t * RECORD + DECAY_GRADIENT), sumLanes(at(decaySums, t * 4)));
        store<f32>(at(record, t * RECORD + DRIVE_GRADIENT), sumLanes(at(driveSums, t * 4)));
      }
      // of each head in its group, the sums lie as B does
      const to = ((head % headsOfGroup) * batch * time + row) * wide + group * state;
      sumRowsOfLanes(sumsB, at(partialB, to), wide, state, length);
      sumRowsOfLanes(sumsC, at(partialC, to), wide, state, length);
    }

    fromLanes(g, at(dinitialState, matrix), headDim, state, state);
    let skips: f32 = 0;
    for (let p = 0; p < headDim; p++) skips += load<f32>(at(skipSums, p));
    store<f32>(at(partialD, unit), skips);
    memory.copy(at(partialChannelD, unit * headDim), skipSums, (<usize>headDim) << 2);
  }
}

export function ssdStepGradients(
  begin: i32, end: i32, scratch: usize,
  time: i32, heads: i32, A: usize, records: usize,
  ddelta: usize, dlogDecay: usize, partialA: usize, partialBias: usize,
): void {
  for (let unit = begin; unit < end; unit++) {
    const head = unit % heads;
    const rate = load<f32>(at(A, head));
    let rates: f64 = 0;
    let biases: f64 = 0;
    for (let t = 0; t < time; t++) {
      const record = at(records, (unit * time + t) * RECORD);
      const to = ((unit / heads) * time + t) * heads + head;
      let step: f32 = 0;
      let exponent: f32 = 0;
      if (load<i32>(at(record, KIND)) != PADDING) {
        exponent = load<f32>(at(record, DECAY_GRADIENT));
        step = (load<f32>(at(record, DRIVE_GRADIENT)) + exponent * rate) * load<f32>(at(record, SLOPE));
        rates += <f64>(exponent * load<f32>(at(record, STEP)));
        biases += <f64>step;
      }
      store<f32>(at(ddelta, to), step);
      store<f32>(at(dlogDecay, to), exponent);
    }
    store<f32>(at(partialA, unit), <f32>rates);
    store<f32>(at(partialBias, unit), <f32>biases);
  }
}

/** States of four channels after every step, from the one that `states` begins with. */
function advance(
  states: usize, record: usize, u: usize, B: usize, inner: i32, wide: i32, state: i32, count: i32, length: i32,
): void {
  const vectors = (<usize>state) << 4;
  for (let t = 0; t < length; t++, states += vectors, record = at(record, RECORD)) {
    const kind = load<i32>(at(record, KIND));
    if (kind == PADDING) {
      memory.copy(states + vectors, states, vectors);
      continue;
    }
    const drive = f32x4.mul(v128.load_splat<f32>(at(record, STEP)), load4(at(u, t * inner), count));
    const decay = v128.load_splat<f32>(at(record, DECAY));
    const Bt = at(B, t * wide);
    for (let n = 0; n < state; n++) {
      const place = states + ((<usize>n) << 4);
      const input = f32x4.mul(drive, v128.load_splat<f32>(at(Bt, n)));
      v128.store(place + vectors, kind == BEGINNING ? input : madd(decay, v128.load(place), input));
    }
  }
}

/** Walks four channels back through a chunk and adds to its sums. */
function retreat(
  states: usize, records: usize, g: usize,
  decaySums: usize, driveSums: usize, sumsB: usize, sumsC: usize, skipSums: usize,
  u: usize, B: usize, C: usize, skip: v128, z: usize, dy: usize, du: usize, dz: usize,
  inner: i32, wide: i32, state: i32, count: i32, length: i32,
): void {
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  const vectors = (<usize>state) << 4;
  let skips = v128.load(skipSums);
  for (let t = length - 1; t >= 0; t--) {
    const here = t * inner;
    const record = at(records, t * RECORD);
    const kind = load<i32>(at(record, KIND));
    if (kind == PADDING) {
      store4(at(du, here), zero, count);
      store4(at(dz, here), zero, count);
      continue;
    }
    const d = v128.load_splat<f32>(at(record, STEP));
    const decay = v128.load_splat<f32>(at(record, DECAY));
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
    let alongState = zero; // and of g · decay · the state before
    const Bt = at(B, t * wide);
    const Ct = at(C, t * wide);
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
      const carried = f32x4.mul(gn, decay);
      v128.store(g + place, carried);
      alongState = madd(carried, v128.load(states + here), alongState);
    }
    if (kind == BEGINNING) memory.fill(g, 0, vectors);
    else addTo(at(decaySums, t * 4), alongState);
    addTo(at(driveSums, t * 4), f32x4.mul(input, alongB));
    store4(at(du, here), madd(dout, skip, f32x4.mul(d, alongB)), count);
    store4(at(dz, here), z ? f32x4.mul(f32x4.mul(upstream, out), gateSlope) : zero, count);
    skips = madd(dout, input, skips);
  }
  v128.store(skipSums, skips);
}

@inline
function addTo(sums: usize, values: v128): void {
  v128.store(sums, f32x4.add(v128.load(sums), values));
}

@inline
function sumLanes(lanes: usize): f32 {
  const values = v128.load(lanes);
  return f32x4.extract_lane(sums4(values, values, values, values), 0);
}

/** Each vector of `rows state` as the sum of its lanes; `apart` is the number of elements from row to row of `to`. */
function sumRowsOfLanes(lanes: usize, to: usize, apart: i32, state: i32, rows: i32): void {
  for (let r = 0; r < rows; r++) {
    const row = at(lanes, r * state * 4);
    for (let n = 0; n < state; n += 4) {
      const from = at(row, n * 4);
      const sums = sums4(v128.load(from), v128.load(from, 16), v128.load(from, 32), v128.load(from, 48));
      store4(at(to, r * apart + n), sums, state - n);
    }
  }
}
