/**
 * Gradient of the selective scan in real numbers where the channels of a unit share the rows of `B` and `C` at each step, as in
 * Mamba. A unit is up to 32 neighbouring channels of one sequence, computed eight at a time in two vectors, so that an entry of
 * `B` and `C` is read, and a sum of their gradients written, once for eight. It walks time forward in chunks and keeps the
 * states at their borders, then backward: of a chunk, eight channels after the other, the states and decays are computed, again
 * but for the last chunk, and are then walked through from the end. A chunk is as long as both stay in a second-level cache, 256
 * steps with 16 states, so a short sequence is one. States of a whole long sequence are never held. The rows of a chunk are brought
 * together first, and gradients taken back to theirs last.
 *
 * Loops are short and have few addresses, so that what they work on stays in registers: numbers that a loop reads side by side
 * lie side by side, at fixed distances.
 *
 * Sums over channels are taken over the unit's and left as partial sums, sums over time for each sequence; further passes
 * combine both, in an order that sizes alone decide. Where a unit has all that a sum is over, it is the result.
 *
 * Work: an exponential, or two in all chunks but the last, and some 12 multiply-adds for each `batch · time · inner · state`. Memory
 * beside inputs and outputs: `8 · state / 32` bytes in the workspace for each element of `u`; in each thread's scratch two
 * thirds of a MiB for a chunk, and the states of 32 channels at its borders.
 */
import { addToRows, gatherRows, scatterRows } from "../../../wasm/src/snippets/compact.as.ts";
import { exp2DecaysOfTwo, expsOfMinus, expsOfMinusAbs, peakOf } from "../../../wasm/src/snippets/exp.as.ts";
import { fromLanes, toLanes } from "../../../wasm/src/snippets/lanes.as.ts";
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { slopeOf, softplusOf } from "../../../wasm/src/snippets/softplus.as.ts";
import { sums4 } from "../../../wasm/src/snippets/sum.as.ts";
import { BEGINNING, ORDINARY, PADDING, stepKinds } from "./step-kind.as.ts";

const CHANNELS = 32;
/** Steps of a chunk whose sums over time are taken together, and added to those of all. */
const BLOCK = 32;
const LOG2_E: f32 = 1.4426950408889634;

// What lies side by side, in bytes. Of eight channels each has two vectors.

/** An entry of the trail, of which a step has one for each number of the state: decays, then the states after the step. */
const DECAYS: usize = 0;
const STATES: usize = 32;
const TRAIL: usize = 64;

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
  // rows of a chunk, one behind the other, in tables of the same size
  const table = (CHANNELS * <usize>chunkSteps) << 2;
  const inputs = sums + SUMS * <usize>(chunkSteps * width);
  const sizes = inputs + table;
  const slopes = sizes + table; // of softplus
  const outs = slopes + table; // C · h
  const upstreams = outs + table;
  const gates = upstreams + table;
  const alongB = gates + table; // sums over the state of g · B
  const alongA = alongB + table; // and of g · decay · A · the state before
  const trail = alongA + table; // begins with the state before the chunk
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
    const begins = (block / blocksOfFamily) * family;
    const first = begins + (block % blocksOfFamily) * CHANNELS;
    const count = min(CHANNELS, begins + family - first);
    const wide = (count + 7) & ~7;
    const row = at(0, wide);
    const channels = (b * inner + first) * width;
    const groupRowB = at(B, (block / inGroupB) * width);
    const groupRowC = at(C, (block / inGroupC) * width);
    const shareB = at(partialB, (block % inGroupB) * batch * time * stepB + (block / inGroupB) * width);
    const shareC = at(partialC, (block % inGroupC) * batch * time * stepC + (block / inGroupC) * width);

    memory.fill(rates, 0, (<usize>(3 * size + 3 * CHANNELS)) << 2); // and all up to zeros
    memory.fill(borders, 0, (<usize>size) << 2);
    memory.fill(states, 0, (CHANNELS / 8) * numbers);
    toLanes(at(A, first * width), rates, count, width, width);
    if (initialState) toLanes(at(initialState, channels), borders, count, width, width);
    if (dfinalState) toLanes(at(dfinalState, channels), g, count, width, width);
    if (kinds) stepKinds(mask ? at(mask, b * time) : 0, seqIdx ? at(seqIdx, b * time) : 0, time, kinds);
    for (let e = 0; e < count; e += 8) {
      const place = e * width;
      v128.store(at(peaks, e), peakOf(at(rates, place), width));
      v128.store(at(peaks, e), peakOf(at(rates, place) + lanes, width), 16);
      const own = states + <usize>(e / 8) * numbers;
      copyVectors(at(rates, place), 16, own + RATES, NUMBER, width);
      copyVectors(at(rates, place) + lanes, 16, own + RATES + 16, NUMBER, width);
      copyVectors(at(g, place), 16, own + GRADIENT, NUMBER, width);
      copyVectors(at(g, place) + lanes, 16, own + GRADIENT + 16, NUMBER, width);
    }

    // forward over all chunks but the last, then back over all
    for (let turn = 0; turn < 2 * chunks - 1; turn++) {
      const isForward = turn < chunks - 1;
      const chunk = isForward ? turn : 2 * (chunks - 1) - turn;
      const start = b * time + chunk * chunkSteps;
      const length = min(chunkSteps, time - chunk * chunkSteps);
      const vectors = (length * wide) >> 2;
      const kindsHere = kinds ? at(kinds, chunk * chunkSteps) : 0;
      const rowB = at(groupRowB, start * stepB);
      const rowC = at(groupRowC, start * stepC);
      const here = start * inner + first;
      gatherRows(at(u, here), inner, count, length, inputs, wide);
      gatherRows(at(delta, here), inner, count, length, sizes, wide);
      if (deltaBias) addToRows(at(deltaBias, first), count, length, sizes, wide);
      if (deltaSoftplus) softpluses(sizes, slopes, vectors, alongA);
      if (!isForward) {
        if (dy) gatherRows(at(dy, here), inner, count, length, upstreams, wide);
        else memory.fill(upstreams, 0, (<usize>vectors) << 4);
        if (z) {
          gatherRows(at(z, here), inner, count, length, gates, wide);
          openGates(gates, upstreams, vectors, alongA);
        } else {
          memory.fill(gates, 0, (<usize>vectors) << 4);
        }
        memory.fill(sums, 0, SUMS * <usize>(length * width));
      }
      for (let e = 0; e < count; e += 8) {
        const place = e * width;
        const border = at(borders, chunk * size + place);
        copyVectors(border, 16, trail + STATES, TRAIL, width);
        copyVectors(border + lanes, 16, trail + STATES + 16, TRAIL, width);
        advance(
          trail, at(sizes, e), at(inputs, e), at(outs, e), row, zeros, at(rates, place), at(peaks, e), rowB, rowC, stepB, stepC, kindsHere,
          width, length,
        );
        if (isForward) {
          const after = trail + <usize>length * trailRow + STATES;
          copyVectors(after, TRAIL, at(border, size), 16, width);
          copyVectors(after + 16, TRAIL, at(border, size) + lanes, 16, width);
          continue;
        }
        const own = states + <usize>(e / 8) * numbers;
        for (let t = (length - 1) & -BLOCK; t >= 0; t -= BLOCK) {
          const place = at(row * <usize>t, e);
          retreat(
            trail + trailRow * <usize>t, sizes + place, inputs + place, upstreams + place, alongB + place, alongA + place, row,
            own, sums + SUMS * <usize>(t * width), zeros,
            at(rowB, t * stepB), at(rowC, t * stepC), stepB, stepC, kindsHere ? at(kindsHere, t) : 0, width, min(BLOCK, length - t),
          );
          moveSums(own + RATE_SUMS, at(rateSums, e * width), width);
          moveSums(own + RATE_SUMS + 16, at(rateSums, e * width) + lanes, width);
        }
      }
      if (isForward) continue;
      for (let t = (length - 1) & -BLOCK; t >= 0; t -= BLOCK) {
        for (let e = 0; e < count; e += 4) {
          finish(
            at(inputs + row * <usize>t, e), table, row, D ? load4(at(D, first + e), count - e) : f32x4.splat(0), kindsHere ? at(kindsHere, t) : 0,
            deltaSoftplus, min(BLOCK, length - t), at(skipSums, e), at(biasSums, e),
          );
        }
      }
      scatterRows(inputs, wide, count, length, at(du, here), inner);
      scatterRows(sizes, wide, count, length, at(ddelta, here), inner);
      scatterRows(gates, wide, count, length, at(dz, here), inner);
      sumLanes(sums + SUM_B, at(shareB, start * stepB), stepB, width, length);
      sumLanes(sums + SUM_C, at(shareC, start * stepC), stepC, width, length);
    }

    for (let e = 0; e < count; e += 8) {
      const own = states + <usize>(e / 8) * numbers;
      copyVectors(own + GRADIENT, NUMBER, at(g, e * width), 16, width);
      copyVectors(own + GRADIENT + 16, NUMBER, at(g, e * width) + lanes, 16, width);
    }
    fromLanes(g, at(dinitialState, channels), count, width, width);
    fromLanes(rateSums, at(partialA, channels), count, width, width);
    memory.copy(at(partialD, b * inner + first), skipSums, (<usize>count) << 2);
    memory.copy(at(partialBias, b * inner + first), biasSums, (<usize>count) << 2);
  }
}

function copyVectors(from: usize, fromApart: usize, to: usize, toApart: usize, count: i32): void {
  for (; count > 0; count--, from += fromApart, to += toApart) v128.store(to, v128.load(from));
}

/** `softplus(x)` of so many vectors, in their place, and its slopes. */
function softpluses(x: usize, slopes: usize, vectors: i32, spare: usize): void {
  expsOfMinusAbs(x, vectors, spare);
  const end = x + ((<usize>vectors) << 4);
  for (; x < end; x += 16, slopes += 16, spare += 16) {
    const d = v128.load(x), e = v128.load(spare);
    v128.store(x, softplusOf(d, e));
    v128.store(slopes, slopeOf(d, e));
  }
}

/** What comes through the gates, and in their place what comes to them, but for the outputs. */
function openGates(gates: usize, upstreams: usize, vectors: i32, spare: usize): void {
  const one = f32x4.splat(1);
  expsOfMinus(gates, vectors, spare);
  const end = gates + ((<usize>vectors) << 4);
  for (; gates < end; gates += 16, upstreams += 16, spare += 16) {
    const gate = v128.load(gates), dout = v128.load(upstreams);
    const s = f32x4.div(one, f32x4.add(one, v128.load(spare)));
    v128.store(gates, f32x4.mul(dout, f32x4.mul(s, madd(gate, f32x4.sub(one, s), one))));
    v128.store(upstreams, f32x4.mul(dout, f32x4.mul(gate, s)));
  }
}

/** The trail of a chunk from the states that it begins with, and `C · h` of every step. */
function advance(
  trail: usize, sizes: usize, inputs: usize, outs: usize, row: usize, zeros: usize, rates: usize, peaks: usize,
  B: usize, C: usize, stepB: i32, stepC: i32, kinds: usize, width: i32, length: i32,
): void {
  const trailRow = TRAIL * <usize>width;
  for (let t = 0; t < length; t++, trail += trailRow, sizes += row, inputs += row, outs += row) {
    const kind = kinds ? load<i32>(at(kinds, t)) : ORDINARY;
    const after = trail + trailRow;
    if (kind == PADDING) {
      memory.copy(after, trail, trailRow);
      continue;
    }
    const d = v128.load(sizes), d1 = v128.load(sizes, 16);
    // exp(d · A) = 2^(d · log2 e · A), and the power of two is the cheaper one
    const log2e = f32x4.splat(LOG2_E);
    exp2DecaysOfTwo(
      f32x4.mul(d, log2e), f32x4.mul(d1, log2e), rates, width, v128.load(peaks), v128.load(peaks, 16), after + DECAYS, TRAIL,
    );
    const drive = f32x4.mul(d, v128.load(inputs)), drive1 = f32x4.mul(d1, v128.load(inputs, 16));
    advanceStep(kind == BEGINNING ? zeros : trail, after, at(B, t * stepB), at(C, t * stepC), drive, drive1, width, outs);
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

/** Walks back through the states of a chunk; adds to the sums. */
function retreat(
  trail: usize, sizes: usize, inputs: usize, upstreams: usize, alongB: usize, alongA: usize, row: usize, own: usize, sums: usize, zeros: usize,
  B: usize, C: usize, stepB: i32, stepC: i32, kinds: usize, width: i32, length: i32,
): void {
  const trailRow = TRAIL * <usize>width;
  for (let t = length - 1; t >= 0; t--) {
    const kind = kinds ? load<i32>(at(kinds, t)) : ORDINARY;
    if (kind == PADDING) continue;
    const before = trail + trailRow * <usize>t;
    const place = row * <usize>t;
    retreatStep(
      kind == BEGINNING ? zeros : before, before + trailRow, own, sums + SUMS * <usize>(width * t), at(B, t * stepB), at(C, t * stepC),
      sizes + place, inputs + place, upstreams + place, alongB + place, alongA + place, width,
    );
    if (kind == BEGINNING) {
      for (let n: usize = 0; n < <usize>width * NUMBER; n += NUMBER) memory.fill(own + n + GRADIENT, 0, 32);
    }
  }
}

function retreatStep(
  before: usize, after: usize, own: usize, sums: usize, B: usize, C: usize,
  sizes: usize, inputs: usize, upstreams: usize, alongsB: usize, alongsA: usize, width: i32,
): void {
  const d = v128.load(sizes), d1 = v128.load(sizes, 16);
  const drive = f32x4.mul(d, v128.load(inputs)), drive1 = f32x4.mul(d1, v128.load(inputs, 16));
  const dout = v128.load(upstreams), dout1 = v128.load(upstreams, 16);
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
  v128.store(alongsB, alongB);
  v128.store(alongsB, alongB1, 16);
  v128.store(alongsA, alongA);
  v128.store(alongsA, alongA1, 16);
}

/**
 * The gradients of the inputs of four channels, in the place of the inputs, and their share of those by `D` and the bias.
 * Tables lie `table` bytes apart.
 */
function finish(
  inputs: usize, table: usize, row: usize, skip: v128, kinds: usize, plus: i32, length: i32, skipSums: usize, biasSums: usize,
): void {
  const zero = f32x4.splat(0);
  let skips = zero;
  let biases = zero;
  inputs += row * <usize>(length - 1);
  for (let t = length - 1; t >= 0; t--, inputs -= row) {
    const sizes = inputs + table;
    const slopes = sizes + table;
    const outs = slopes + table;
    const upstreams = outs + table;
    const gates = upstreams + table;
    if (kinds && load<i32>(at(kinds, t)) == PADDING) {
      v128.store(inputs, zero);
      v128.store(sizes, zero);
      v128.store(gates, zero);
      continue;
    }
    const input = v128.load(inputs);
    const dout = v128.load(upstreams);
    const alongB = v128.load(gates + table);
    let dstep = madd(alongB, input, v128.load(gates + 2 * table));
    if (plus) dstep = f32x4.mul(dstep, v128.load(slopes));
    v128.store(inputs, madd(dout, skip, f32x4.mul(v128.load(sizes), alongB)));
    v128.store(sizes, dstep);
    v128.store(gates, f32x4.mul(v128.load(gates), madd(skip, input, v128.load(outs))));
    skips = madd(dout, input, skips);
    biases = f32x4.add(biases, dstep);
  }
  v128.store(skipSums, f32x4.add(v128.load(skipSums), skips));
  v128.store(biasSums, f32x4.add(v128.load(biasSums), biases));
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
