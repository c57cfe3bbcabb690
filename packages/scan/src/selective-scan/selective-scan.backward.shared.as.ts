/**
 * Gradient of the selective scan in real numbers where the channels of a unit share the rows of `B` and `C` at each step, as in
 * Mamba. A unit is up to 32 neighbouring channels of one sequence, computed eight at a time in two vectors, so that an entry of
 * `B` and `C` is read, and a sum of their gradients written, once for eight. It walks time forward in chunks and keeps the
 * states at their borders, then backward: of a chunk, eight channels after the other, the states and decays are computed, again
 * but for the last chunk, and are then walked through from the end. A chunk is as long as both stay in a second-level cache, 256
 * steps with 16 states, so a short sequence is one. States of a whole long sequence are never held.
 *
 * Loops are short and have few addresses, so that what they work on stays in registers: numbers that a loop reads side by side
 * lie side by side, at fixed distances.
 *
 * Sums over channels are taken over the unit's and left as partial sums, sums over time for each sequence; further passes
 * combine both, in an order that sizes alone decide. Where a unit has all that a sum is over, it is the result.
 *
 * Work: an exponential, or two in all chunks but the last, and some 12 multiply-adds for each `batch · time · inner · state`. Memory
 * beside inputs and outputs: `8 · state / 32` bytes in the workspace for each element of `u`; in each thread's scratch half a MiB for a chunk, and the states
 * of 32 channels at its borders.
 */
import { exp2Decays, peakOf } from "../../../wasm/src/snippets/exp.as.ts";
import { fromLanes, toLanes } from "../../../wasm/src/snippets/lanes.as.ts";
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, gather4, scatter4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { sigmoid } from "../../../wasm/src/snippets/sigmoid.as.ts";
import { storeSoftplus } from "../../../wasm/src/snippets/softplus.as.ts";
import { sums4 } from "../../../wasm/src/snippets/sum.as.ts";
import { BEGINNING, ORDINARY, PADDING, stepKinds } from "./step-kind.as.ts";

const CHANNELS = 32;
/** Steps of a chunk whose inputs and gradients are taken together, so that they stay in the first-level cache. */
const BLOCK = 32;
const LOG2_E: f32 = 1.4426950408889634;

// What lies side by side, in bytes. Of eight channels each has two vectors.

/** An entry of the trail, of which a step has one for each number of the state: decays, then the states after the step. */
const DECAYS: usize = 0;
const STATES: usize = 32;
const TRAIL: usize = 64;

/** A step of a chunk, kept with the trail: step sizes, slopes of softplus, and `C · h`. */
const SIZES: usize = 0;
const SLOPES: usize = 32;
const OUTS: usize = 64;
const STEP: usize = 96;

/** A step on its way back: inputs, what comes from `y` and from the gate, step size times input, and two sums over the state. */
const INPUTS: usize = 0;
const UPSTREAM: usize = 32;
const GATE: usize = 64;
const DRIVES: usize = 96;
const ALONG_B: usize = 128;
const ALONG_A: usize = 160;
const BACK: usize = 192;

/** A number of the state on the way back: its gradient, the chunk's sum of what `A` gets, and `A`. */
const GRADIENT: usize = 0;
const RATE_SUMS: usize = 32;
const RATES: usize = 64;
const NUMBER: usize = 96;

/** Sums over channels, a vector each, of a step and a number of the state. */
const SUM_B: usize = 0;
const SUM_C: usize = 16;
const SUMS: usize = 32;

export function selectiveScanBackwardShared(
  begin: i32, end: i32, scratch: usize,
  batch: i32, time: i32, inner: i32, width: i32, _complex: i32, groupsB: i32, groupsC: i32, family: i32, blocks: i32, chunkSteps: i32,
  u: usize, delta: usize, A: usize, B: usize, C: usize,
  D: usize, z: usize, deltaBias: usize, initialState: usize, mask: usize, seqIdx: usize, dy: usize, dfinalState: usize,
  du: usize, ddelta: usize, dz: usize, dinitialState: usize,
  partialA: usize, partialB: usize, partialC: usize, partialD: usize, partialBias: usize, deltaSoftplus: i32,
): void {
  const blocksOfFamily = (family + CHANNELS - 1) / CHANNELS;
  const chunks = (time + chunkSteps - 1) / chunkSteps;
  const size = CHANNELS * width; // elements of a unit's states
  const lanes = (<usize>width) << 4; // bytes of four channels' states
  const trailRow = TRAIL * <usize>width;
  const numbers = NUMBER * <usize>width;

  const rates = scratch;
  const g = at(rates, size);
  const rateSums = at(g, size);
  const peaks = at(rateSums, size);
  const skipSums = at(peaks, CHANNELS);
  const biasSums = at(skipSums, CHANNELS);
  const zeros = at(biasSums, CHANNELS);
  const states = zeros + trailRow;
  const sums = states + (CHANNELS / 8) * numbers;
  const back = sums + SUMS * <usize>(chunkSteps * width);
  const steps = back + BLOCK * BACK;
  const trail = steps + STEP * <usize>chunkSteps; // begins with the state before the chunk
  const borders = trail + <usize>(chunkSteps + 1) * trailRow;
  const kinds = mask || seqIdx ? at(borders, max(1, chunks) * size) : 0;
  memory.fill(zeros, 0, trailRow);
  const stepB = groupsB * width; // from a step's row to the next one's
  const stepC = groupsC * width;
  const inGroupB = blocks / groupsB; // blocks
  const inGroupC = blocks / groupsC;

  for (let unit = begin; unit < end; unit++) {
    const b = unit / blocks;
    const block = unit % blocks;
    const start = (block / blocksOfFamily) * family;
    const first = start + (block % blocksOfFamily) * CHANNELS;
    const last = min(first + CHANNELS, start + family);
    const channels = (b * inner + first) * width;
    const groupRowB = at(B, (block / inGroupB) * width);
    const groupRowC = at(C, (block / inGroupC) * width);
    const shareB = at(partialB, (block % inGroupB) * batch * time * stepB + (block / inGroupB) * width);
    const shareC = at(partialC, (block % inGroupC) * batch * time * stepC + (block / inGroupC) * width);

    memory.fill(rates, 0, (<usize>(3 * size + 3 * CHANNELS)) << 2); // and all up to zeros
    memory.fill(borders, 0, (<usize>size) << 2);
    memory.fill(states, 0, (CHANNELS / 8) * numbers);
    toLanes(at(A, first * width), rates, last - first, width, width);
    if (initialState) toLanes(at(initialState, channels), borders, last - first, width, width);
    if (dfinalState) toLanes(at(dfinalState, channels), g, last - first, width, width);
    if (kinds) stepKinds(mask ? at(mask, b * time) : 0, seqIdx ? at(seqIdx, b * time) : 0, time, kinds);
    for (let e = first; e < last; e += 8) {
      const place = (e - first) * width;
      v128.store(at(peaks, e - first), peakOf(at(rates, place), width));
      v128.store(at(peaks, e - first), peakOf(at(rates, place) + lanes, width), 16);
      const own = states + <usize>((e - first) / 8) * numbers;
      copyVectors(at(rates, place), 16, own + RATES, NUMBER, width);
      copyVectors(at(rates, place) + lanes, 16, own + RATES + 16, NUMBER, width);
      copyVectors(at(g, place), 16, own + GRADIENT, NUMBER, width);
      copyVectors(at(g, place) + lanes, 16, own + GRADIENT + 16, NUMBER, width);
    }

    // forward over all chunks but the last, then back over all
    for (let turn = 0; turn < 2 * chunks - 1; turn++) {
      const isForward = turn < chunks - 1;
      const chunk = isForward ? turn : 2 * (chunks - 1) - turn;
      const row = b * time + chunk * chunkSteps;
      const length = min(chunkSteps, time - chunk * chunkSteps);
      const kindsHere = kinds ? at(kinds, chunk * chunkSteps) : 0;
      const rowB = at(groupRowB, row * stepB);
      const rowC = at(groupRowC, row * stepC);
      memory.fill(sums, 0, SUMS * <usize>(length * width));
      for (let e = first; e < last; e += 8) {
        const count = last - e;
        const here = row * inner + e;
        const place = (e - first) * width;
        const border = at(borders, chunk * size + place);
        copyVectors(border, 16, trail + STATES, TRAIL, width);
        copyVectors(border + lanes, 16, trail + STATES + 16, TRAIL, width);
        stepSizes(at(delta, here), deltaBias ? at(deltaBias, e) : 0, inner, deltaSoftplus, count, length, steps);
        advance(
          trail, steps, zeros, at(rates, place), at(peaks, e - first), at(u, here), rowB, rowC, stepB, stepC, kindsHere,
          inner, width, count, length,
        );
        if (isForward) {
          const after = trail + <usize>length * trailRow + STATES;
          copyVectors(after, TRAIL, at(border, size), 16, width);
          copyVectors(after + 16, TRAIL, at(border, size) + lanes, 16, width);
          continue;
        }
        const own = states + <usize>((e - first) / 8) * numbers;
        for (let t = (length - 1) & -BLOCK; t >= 0; t -= BLOCK) {
          const few = min(BLOCK, length - t);
          const from = here + t * inner;
          const stepsHere = steps + STEP * <usize>t;
          const kindsOfFew = kindsHere ? at(kindsHere, t) : 0;
          prepare(stepsHere, back, at(u, from), z ? at(z, from) : 0, dy ? at(dy, from) : 0, kindsOfFew, inner, count, few);
          retreat(
            trail + trailRow * <usize>t, stepsHere, back, own, sums + SUMS * <usize>(t * width), zeros,
            at(rowB, t * stepB), at(rowC, t * stepC), stepB, stepC, kindsOfFew, width, few,
          );
          finish(
            stepsHere, back, D ? at(D, e) : 0, kindsOfFew, inner, count, few,
            at(du, from), at(ddelta, from), at(dz, from), at(skipSums, e - first), at(biasSums, e - first),
          );
          moveSums(own + RATE_SUMS, at(rateSums, place), width);
          moveSums(own + RATE_SUMS + 16, at(rateSums, place) + lanes, width);
        }
      }
      if (isForward) continue;
      sumLanes(sums + SUM_B, at(shareB, row * stepB), stepB, width, length);
      sumLanes(sums + SUM_C, at(shareC, row * stepC), stepC, width, length);
    }

    for (let e = first; e < last; e += 8) {
      const own = states + <usize>((e - first) / 8) * numbers;
      copyVectors(own + GRADIENT, NUMBER, at(g, (e - first) * width), 16, width);
      copyVectors(own + GRADIENT + 16, NUMBER, at(g, (e - first) * width) + lanes, 16, width);
    }
    fromLanes(g, at(dinitialState, channels), last - first, width, width);
    fromLanes(rateSums, at(partialA, channels), last - first, width, width);
    memory.copy(at(partialD, b * inner + first), skipSums, (<usize>(last - first)) << 2);
    memory.copy(at(partialBias, b * inner + first), biasSums, (<usize>(last - first)) << 2);
  }
}

/** Four elements, those from `count` on 0; there may be none. */
@inline
function loadSome(from: usize, count: i32): v128 {
  if (count >= 4) return v128.load(from);
  return count > 0 ? gather4(from, 1, count) : f32x4.splat(0);
}

@inline
function storeSome(to: usize, values: v128, count: i32): void {
  if (count >= 4) v128.store(to, values);
  else if (count > 0) scatter4(to, 1, values, count);
}

function copyVectors(from: usize, fromApart: usize, to: usize, toApart: usize, count: i32): void {
  for (; count > 0; count--, from += fromApart, to += toApart) v128.store(to, v128.load(from));
}

/** `softplus(delta + bias)` of eight channels, or without one or both, and the slope of softplus. */
function stepSizes(delta: usize, bias: usize, inner: i32, plus: i32, count: i32, length: i32, steps: usize): void {
  for (let half = 0; half < 2; half++, steps += 16, delta += 16, count -= 4) {
    const start = bias ? loadSome(bias, count) : f32x4.splat(0);
    for (let t = 0; t < length; t++) {
      const step = steps + STEP * <usize>t;
      let d = loadSome(at(delta, t * inner), count);
      if (bias) d = f32x4.add(d, start);
      if (plus) {
        storeSoftplus(d, step + SIZES, step + SLOPES);
      } else {
        v128.store(step, d, SIZES);
        v128.store(step, f32x4.splat(1), SLOPES);
      }
    }
    if (bias) bias += 16;
  }
}

/** The trail of a chunk from the states that it begins with, and `C · h` of every step. */
function advance(
  trail: usize, steps: usize, zeros: usize, rates: usize, peaks: usize, u: usize, B: usize, C: usize, stepB: i32, stepC: i32,
  kinds: usize, inner: i32, width: i32, count: i32, length: i32,
): void {
  const lanes = (<usize>width) << 4;
  const row = TRAIL * <usize>width;
  for (let t = 0; t < length; t++, trail += row, steps += STEP) {
    const kind = kinds ? load<i32>(at(kinds, t)) : ORDINARY;
    const after = trail + row;
    if (kind == PADDING) {
      memory.copy(after, trail, row);
      continue;
    }
    const d = v128.load(steps, SIZES), d1 = v128.load(steps, SIZES + 16);
    // exp(d · A) = 2^(d · log2 e · A), and the power of two is the cheaper one
    exp2Decays(f32x4.mul(d, f32x4.splat(LOG2_E)), rates, width, v128.load(peaks), after + DECAYS, TRAIL);
    exp2Decays(f32x4.mul(d1, f32x4.splat(LOG2_E)), rates + lanes, width, v128.load(peaks, 16), after + DECAYS + 16, TRAIL);
    const drive = f32x4.mul(d, loadSome(at(u, t * inner), count));
    const drive1 = f32x4.mul(d1, loadSome(at(u, t * inner) + 16, count - 4));
    advanceStep(kind == BEGINNING ? zeros : trail, after, at(B, t * stepB), at(C, t * stepC), drive, drive1, width, steps + OUTS);
  }
}

function advanceStep(before: usize, after: usize, B: usize, C: usize, drive: v128, drive1: v128, width: i32, outs: usize): void {
  let out = f32x4.splat(0), out1 = out;
  const end = at(B, width);
  for (; B < end; B += 4, C += 4, before += TRAIL, after += TRAIL) {
    const b = v128.load_splat<f32>(B), c = v128.load_splat<f32>(C);
    const h = madd(v128.load(after, DECAYS), v128.load(before, STATES), f32x4.mul(drive, b));
    const h1 = madd(v128.load(after, DECAYS + 16), v128.load(before, STATES + 16), f32x4.mul(drive1, b));
    v128.store(after, h, STATES);
    v128.store(after, h1, STATES + 16);
    out = madd(c, h, out);
    out1 = madd(c, h1, out1);
  }
  v128.store(outs, out);
  v128.store(outs, out1, 16);
}

/** What the way back through a chunk needs of every step, apart from the states. */
function prepare(
  steps: usize, back: usize, u: usize, z: usize, dy: usize, kinds: usize, inner: i32, count: i32, length: i32,
): void {
  const one = f32x4.splat(1);
  for (let half = 0; half < 2; half++, steps += 16, back += 16, u += 16, count -= 4) {
    for (let t = 0; t < length; t++) {
      if (kinds && load<i32>(at(kinds, t)) == PADDING) continue;
      const here = (<usize>(t * inner)) << 2;
      const way = back + BACK * <usize>t;
      const input = loadSome(u + here, count);
      let dout = dy ? loadSome(dy + here, count) : f32x4.splat(0);
      v128.store(way, input, INPUTS);
      v128.store(way, f32x4.mul(v128.load(steps + STEP * <usize>t, SIZES), input), DRIVES);
      let slope = f32x4.splat(0);
      if (z) {
        const gate = loadSome(z + here, count);
        const s = sigmoid(gate);
        slope = f32x4.mul(dout, f32x4.mul(s, madd(gate, f32x4.sub(one, s), one)));
        dout = f32x4.mul(dout, f32x4.mul(gate, s));
      }
      v128.store(way, dout, UPSTREAM);
      v128.store(way, slope, GATE);
    }
    if (z) z += 16;
    if (dy) dy += 16;
  }
}

/** Walks back through the states of a chunk; adds to the sums. */
function retreat(
  trail: usize, steps: usize, back: usize, own: usize, sums: usize, zeros: usize, B: usize, C: usize, stepB: i32, stepC: i32,
  kinds: usize, width: i32, length: i32,
): void {
  const row = TRAIL * <usize>width;
  for (let t = length - 1; t >= 0; t--) {
    const kind = kinds ? load<i32>(at(kinds, t)) : ORDINARY;
    if (kind == PADDING) continue;
    const before = trail + row * <usize>t;
    retreatStep(
      kind == BEGINNING ? zeros : before, before + row, own, sums + SUMS * <usize>(width * t), at(B, t * stepB), at(C, t * stepC),
      steps + STEP * <usize>t, back + BACK * <usize>t, width,
    );
    if (kind == BEGINNING) {
      for (let n: usize = 0; n < <usize>width * NUMBER; n += NUMBER) memory.fill(own + n + GRADIENT, 0, 32);
    }
  }
}

function retreatStep(
  before: usize, after: usize, own: usize, sums: usize, B: usize, C: usize, steps: usize, back: usize, width: i32,
): void {
  const d = v128.load(steps, SIZES), d1 = v128.load(steps, SIZES + 16);
  const drive = v128.load(back, DRIVES), drive1 = v128.load(back, DRIVES + 16);
  const dout = v128.load(back, UPSTREAM), dout1 = v128.load(back, UPSTREAM + 16);
  let alongB = f32x4.splat(0), alongB1 = alongB; // sums over the state of g · B
  let alongA = alongB, alongA1 = alongB; // and of g · decay · A · the state before
  const end = at(B, width);
  for (; B < end; B += 4, C += 4, before += TRAIL, after += TRAIL, own += NUMBER, sums += SUMS) {
    const c = v128.load_splat<f32>(C);
    let sum = madd(dout, v128.load(after, STATES), v128.load(sums, SUM_C));
    sum = madd(dout1, v128.load(after, STATES + 16), sum);
    v128.store(sums, sum, SUM_C);
    const g = madd(dout, c, v128.load(own, GRADIENT));
    const g1 = madd(dout1, c, v128.load(own, GRADIENT + 16));
    sum = madd(g, drive, v128.load(sums, SUM_B));
    sum = madd(g1, drive1, sum);
    v128.store(sums, sum, SUM_B);
    const b = v128.load_splat<f32>(B);
    alongB = madd(g, b, alongB);
    alongB1 = madd(g1, b, alongB1);
    const carried = f32x4.mul(g, v128.load(after, DECAYS));
    v128.store(own, carried, GRADIENT);
    const slope = f32x4.mul(carried, v128.load(before, STATES));
    v128.store(own, madd(slope, d, v128.load(own, RATE_SUMS)), RATE_SUMS);
    alongA = madd(slope, v128.load(own, RATES), alongA);
    const carried1 = f32x4.mul(g1, v128.load(after, DECAYS + 16));
    v128.store(own, carried1, GRADIENT + 16);
    const slope1 = f32x4.mul(carried1, v128.load(before, STATES + 16));
    v128.store(own, madd(slope1, d1, v128.load(own, RATE_SUMS + 16)), RATE_SUMS + 16);
    alongA1 = madd(slope1, v128.load(own, RATES + 16), alongA1);
  }
  v128.store(back, alongB, ALONG_B);
  v128.store(back, alongB1, ALONG_B + 16);
  v128.store(back, alongA, ALONG_A);
  v128.store(back, alongA1, ALONG_A + 16);
}

/** The gradients of a chunk's inputs, and its share of those by `D` and the bias. */
function finish(
  steps: usize, back: usize, D: usize, kinds: usize, inner: i32, count: i32, length: i32,
  du: usize, ddelta: usize, dz: usize, skipSums: usize, biasSums: usize,
): void {
  const zero = f32x4.splat(0);
  for (let half = 0; half < 2 && count > 0; half++) {
    const skip = D ? loadSome(D, count) : zero;
    let skips = zero;
    let biases = zero;
    for (let t = length - 1; t >= 0; t--) {
      const here = (<usize>(t * inner)) << 2;
      if (kinds && load<i32>(at(kinds, t)) == PADDING) {
        storeSome(du + here, zero, count);
        storeSome(ddelta + here, zero, count);
        storeSome(dz + here, zero, count);
        continue;
      }
      const step = steps + STEP * <usize>t;
      const way = back + BACK * <usize>t;
      const input = v128.load(way, INPUTS);
      const dout = v128.load(way, UPSTREAM);
      const alongB = v128.load(way, ALONG_B);
      const dstep = f32x4.mul(madd(alongB, input, v128.load(way, ALONG_A)), v128.load(step, SLOPES));
      storeSome(du + here, madd(dout, skip, f32x4.mul(v128.load(step, SIZES), alongB)), count);
      storeSome(ddelta + here, dstep, count);
      storeSome(dz + here, f32x4.mul(v128.load(way, GATE), madd(skip, input, v128.load(step, OUTS))), count);
      skips = madd(dout, input, skips);
      biases = f32x4.add(biases, dstep);
    }
    v128.store(skipSums, f32x4.add(v128.load(skipSums), skips));
    v128.store(biasSums, f32x4.add(v128.load(biasSums), biases));
    if (D) D += 16;
    steps += 16;
    back += 16;
    du += 16;
    ddelta += 16;
    dz += 16;
    skipSums += 16;
    biasSums += 16;
    count -= 4;
  }
}

/** Adds a chunk's sums to those of all and zeroes them. */
function moveSums(from: usize, to: usize, count: i32): void {
  for (; count > 0; count--, from += NUMBER, to += 16) {
    v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
    v128.store(from, f32x4.splat(0));
  }
}

/** The sums of the lanes of `length width` vectors, to rows that lie `apart` elements apart. */
function sumLanes(lanes: usize, rows: usize, apart: i32, width: i32, length: i32): void {
  for (let t = 0; t < length; t++, rows = at(rows, apart), lanes += SUMS * <usize>width) {
    for (let n = 0; n < width; n += 4) {
      const from = lanes + SUMS * <usize>n;
      const sums = sums4(v128.load(from), v128.load(from, SUMS), v128.load(from, 2 * SUMS), v128.load(from, 3 * SUMS));
      store4(at(rows, n), sums, width - n);
    }
  }
}
