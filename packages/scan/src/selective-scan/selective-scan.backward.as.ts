/**
 * Gradient of the selective scan in the cases that `selective-scan.backward.shared.as.ts` leaves: complex numbers, and constant
 * rows of `B` or `C`. A unit is up to 32 neighbouring channels of one sequence and one group, computed four at
 * a time, a lane each. It walks time forward in chunks of 32 steps and keeps the states at their borders, then backward: of
 * a chunk, the states and decays are computed again, for four channels 1 KiB a state that stays in the first-level cache;
 * those of the last chunks are kept from the way forward, up to 1 MiB, which stays in the second-level one and is all of a
 * short sequence. States of a whole long sequence are never held.
 *
 * Sums over channels are taken over the unit's and left as partial sums, sums over time for each sequence; further
 * passes combine both, in an order that sizes alone decide. Where a unit has all that a sum is over, it is the result.
 *
 * Work: two exponentials, or one where they are kept, and some 12 multiply-adds for each `batch · time · inner · state`. Memory beside inputs and
 * outputs: `8 · state / 32` bytes in the workspace and `4 · state / inner` in each thread's scratch for each element of
 * `u`, and what is kept. At batch 1, inner 1536, state 16, length 4096, where `u` has 25.2 MB, that is 25.2 MB and 1.3 MB a
 * thread: 1.1 times `u` on two threads. Constant `B` and `C` need none of the former.
 */
import { fromLanes, toLanes } from "../../../wasm/src/snippets/lanes.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { storeSoftplus } from "../../../wasm/src/snippets/softplus.as.ts";
import { sums4 } from "../../../wasm/src/snippets/sum.as.ts";
import { sumRows } from "../../../wasm/src/snippets/sum-rows.as.ts";
import { advanceReal, retreatReal } from "./selective-scan.real.as.ts";
import { advanceComplex, retreatComplex } from "./selective-scan.complex.as.ts";
import { stepKinds } from "./step-kind.as.ts";

export { sumRows };

const CHANNELS = 32;
const CHUNK = 32;

/**
 * Complex numbers lie in rows with their real and imaginary parts in turn, and in lanes with a vector for each.
 * `groupsB` and `groupsC` are numbers of groups at each step, or 0 where rows are constant. A unit is within `family`
 * channels, which share the rows of each step; there are `blocks` of them to a sequence.
 */
export function selectiveScanBackward(
  begin: i32, end: i32, scratch: usize,
  batch: i32, time: i32, inner: i32, state: i32, complex: i32, groupsB: i32, groupsC: i32, family: i32, blocks: i32, kept: i32,
  u: usize, delta: usize, A: usize, B: usize, C: usize,
  D: usize, z: usize, deltaBias: usize, initialState: usize, mask: usize, seqIdx: usize, dy: usize, dfinalState: usize,
  du: usize, ddelta: usize, dz: usize, dinitialState: usize,
  partialA: usize, partialB: usize, partialC: usize, partialD: usize, partialBias: usize, deltaSoftplus: i32,
): void {
  const blocksOfFamily = (family + CHANNELS - 1) / CHANNELS;
  const chunks = (time + CHUNK - 1) / CHUNK;
  const width = complex ? 2 * state : state; // numbers of a channel's state
  const size = CHANNELS * width;
  const lane = 4 * width; // elements of four channels

  const rates = scratch;
  const g = at(rates, size);
  const skipSums = at(g, size);
  const biasSums = at(skipSums, CHANNELS);
  const rateSums = at(biasSums, CHANNELS);
  const ownSumsB = at(rateSums, size);
  const ownSumsC = at(ownSumsB, size);
  const chunkSums = at(ownSumsC, size);
  const zeros = at(chunkSums, lane);
  const rowsB = at(zeros, lane);
  const rowsC = at(rowsB, CHUNK * lane + lane);
  const sumsB = at(rowsC, CHUNK * lane + lane);
  const sumsC = at(sumsB, CHUNK * lane + lane);
  // step sizes and their slopes, decays, states, of which there is one more than steps: of the chunk at hand, then of those
  // that are kept
  const recent = at(sumsC, CHUNK * lane + lane);
  const slot = (2 * CHUNK + 4) * lane + 8 * CHUNK;
  const firstKept = chunks - 1 - kept;
  const borders = at(recent, (1 + kept * (CHANNELS / 4)) * slot);
  const kinds = mask || seqIdx ? at(borders, max(1, chunks) * size) : 0;
  memory.fill(zeros, 0, (<usize>lane) << 2);
  // constant rows are held for all channels of the unit, those of a step for four channels and every step of a chunk
  const apartB = groupsB ? lane : 0;
  const apartC = groupsC ? lane : 0;
  const stepB = groupsB * width; // from a step's row to the next one's
  const stepC = groupsC * width;
  const inGroupB = groupsB ? blocks / groupsB : blocks; // blocks
  const inGroupC = groupsC ? blocks / groupsC : blocks;

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

    toLanes(at(A, first * width), rates, last - first, width, width);
    if (initialState) toLanes(at(initialState, channels), borders, last - first, width, width);
    else memory.fill(borders, 0, (<usize>size) << 2);
    if (dfinalState) toLanes(at(dfinalState, channels), g, last - first, width, width);
    else memory.fill(g, 0, (<usize>size) << 2);
    memory.fill(skipSums, 0, (<usize>(2 * CHANNELS + 3 * size)) << 2); // and all up to steps
    if (!groupsB) toLanes(at(B, first * width), rowsB, last - first, width, width);
    if (!groupsC) toLanes(at(C, first * width), rowsC, last - first, width, width);
    if (kinds) stepKinds(mask ? at(mask, b * time) : 0, seqIdx ? at(seqIdx, b * time) : 0, time, kinds);

    for (let chunk = 0; chunk < chunks - 1; chunk++) {
      const row = b * time + chunk * CHUNK;
      if (groupsB) spread(at(groupRowB, row * stepB), stepB, rowsB, width, CHUNK);
      for (let e = first; e < last; e += 4) {
        const count = last - e;
        const place = (e - first) * width;
        const border = at(borders, chunk * size + place);
        const steps = chunk < firstKept ? recent : at(recent, slotOf(chunk - firstKept, e - first) * slot);
        const slopes = at(steps, 4 * CHUNK);
        const decays = at(slopes, 4 * CHUNK);
        const states = at(decays, (CHUNK + 2) * lane);
        stepSizes(at(delta, row * inner + e), deltaBias ? at(deltaBias, e) : 0, inner, deltaSoftplus, count, CHUNK, steps, slopes);
        memory.copy(states, border, (<usize>lane) << 2);
        const laneB = groupsB ? rowsB : at(rowsB, place);
        const kindsHere = kinds ? at(kinds, chunk * CHUNK) : 0;
        if (complex) {
          advanceComplex(
            states, decays, steps, zeros, at(rates, place), at(u, row * inner + e), laneB, apartB, kindsHere, inner, width, count, CHUNK,
          );
        } else {
          advanceReal(
            states, decays, steps, zeros, at(rates, place), at(u, row * inner + e), laneB, apartB, kindsHere, inner, width, count, CHUNK,
          );
        }
        memory.copy(at(border, size), at(states, CHUNK * lane), (<usize>lane) << 2);
      }
    }

    for (let chunk = chunks - 1; chunk >= 0; chunk--) {
      const row = b * time + chunk * CHUNK;
      const length = min(CHUNK, time - chunk * CHUNK);
      const kindsHere = kinds ? at(kinds, chunk * CHUNK) : 0;
      if (groupsB) spread(at(groupRowB, row * stepB), stepB, rowsB, width, length);
      if (groupsC) spread(at(groupRowC, row * stepC), stepC, rowsC, width, length);
      memory.fill(sumsB, 0, (<usize>(2 * CHUNK * lane + lane)) << 2); // and sumsC
      for (let e = first; e < last; e += 4) {
        const count = last - e;
        const here = row * inner + e;
        const place = (e - first) * width;
        const laneB = groupsB ? rowsB : at(rowsB, place);
        const laneC = groupsC ? rowsC : at(rowsC, place);
        const isKept = chunk >= firstKept && chunk < chunks - 1;
        const steps = isKept ? at(recent, slotOf(chunk - firstKept, e - first) * slot) : recent;
        const slopes = at(steps, 4 * CHUNK);
        const decays = at(slopes, 4 * CHUNK);
        const states = at(decays, (CHUNK + 2) * lane);
        if (!isKept) {
          stepSizes(at(delta, here), deltaBias ? at(deltaBias, e) : 0, inner, deltaSoftplus, count, length, steps, slopes);
          memory.copy(states, at(borders, chunk * size + place), (<usize>lane) << 2);
          if (complex) {
            advanceComplex(
              states, decays, steps, zeros, at(rates, place), at(u, here), laneB, apartB, kindsHere, inner, width, count, length,
            );
          } else {
            advanceReal(
              states, decays, steps, zeros, at(rates, place), at(u, here), laneB, apartB, kindsHere, inner, width, count, length,
            );
          }
        }
        if (complex) {
          retreatComplex(
            states, decays, steps, slopes, zeros, at(rates, place), at(g, place), chunkSums, sumsB, sumsC,
            at(skipSums, e - first), at(biasSums, e - first),
            at(u, here), laneB, laneC, apartB, apartC, D ? at(D, e) : 0, z ? at(z, here) : 0, kindsHere,
            dy ? at(dy, here) : 0, at(du, here), at(ddelta, here), at(dz, here), inner, width, count, length,
          );
        } else {
          retreatReal(
            states, decays, steps, slopes, zeros, at(rates, place), at(g, place), chunkSums, sumsB, sumsC,
            at(skipSums, e - first), at(biasSums, e - first),
            at(u, here), laneB, laneC, apartB, apartC, D ? at(D, e) : 0, z ? at(z, here) : 0, kindsHere,
            dy ? at(dy, here) : 0, at(du, here), at(ddelta, here), at(dz, here), inner, width, count, length,
          );
        }
        addTo(at(rateSums, place), chunkSums, width);
        if (!groupsB) moveTo(at(ownSumsB, place), sumsB, width);
        if (!groupsC) moveTo(at(ownSumsC, place), sumsC, width);
      }
      if (groupsB) sumLanes(sumsB, at(shareB, row * stepB), stepB, width, length);
      if (groupsC) sumLanes(sumsC, at(shareC, row * stepC), stepC, width, length);
    }

    fromLanes(g, at(dinitialState, channels), last - first, width, width);
    fromLanes(rateSums, at(partialA, channels), last - first, width, width);
    if (!groupsB) fromLanes(ownSumsB, at(partialB, channels), last - first, width, width);
    if (!groupsC) fromLanes(ownSumsC, at(partialC, channels), last - first, width, width);
    memory.copy(at(partialD, b * inner + first), skipSums, (<usize>(last - first)) << 2);
    memory.copy(at(partialBias, b * inner + first), biasSums, (<usize>(last - first)) << 2);
  }
}

/** Which slot has the decays and states of four channels in a chunk that is kept; the first has those at hand. */
@inline
function slotOf(chunk: i32, channel: i32): i32 {
  return 1 + (chunk * CHANNELS + channel) / 4;
}

/** `softplus(delta + bias)` of four channels, or without one or both, and the slope of softplus. */
function stepSizes(
  delta: usize, bias: usize, inner: i32, plus: i32, count: i32, length: i32, steps: usize, slopes: usize,
): void {
  const start = bias ? load4(bias, count) : f32x4.splat(0);
  for (let t = 0; t < length; t++, steps += 16, slopes += 16) {
    let d = load4(at(delta, t * inner), count);
    if (bias) d = f32x4.add(d, start);
    if (plus) {
      storeSoftplus(d, steps, slopes);
    } else {
      v128.store(steps, d);
      v128.store(slopes, f32x4.splat(1));
    }
  }
}

/** Each entry of rows that lie `apart` elements apart, in all lanes. */
function spread(rows: usize, apart: i32, lanes: usize, state: i32, length: i32): void {
  for (let t = 0; t < length; t++) {
    for (let n = 0; n < state; n++) v128.store(at(lanes, (t * state + n) * 4), v128.load_splat<f32>(at(rows, t * apart + n)));
  }
}

function addTo(sums: usize, values: usize, vectors: i32): void {
  for (let i = 0; i < vectors * 4; i += 4) {
    v128.store(at(sums, i), f32x4.add(v128.load(at(sums, i)), v128.load(at(values, i))));
  }
}

/** Adds the values to the sums and zeroes them. */
function moveTo(sums: usize, values: usize, vectors: i32): void {
  addTo(sums, values, vectors);
  memory.fill(values, 0, (<usize>vectors) << 4);
}

/** The sums of the lanes of `length state` vectors, to rows that lie `apart` elements apart. */
function sumLanes(lanes: usize, rows: usize, apart: i32, state: i32, length: i32): void {
  for (let t = 0; t < length; t++) {
    for (let n = 0; n < state; n += 4) {
      const from = at(lanes, (t * state + n) * 4);
      const sums = sums4(v128.load(from), v128.load(from, 16), v128.load(from, 32), v128.load(from, 48));
      store4(at(rows, t * apart + n), sums, state - n);
    }
  }
}
