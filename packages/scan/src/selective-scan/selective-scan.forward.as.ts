/**
 * Selective scan, one pass over time for any number of tokens. A unit is up to sixteen neighbouring channels of one
 * sequence: their elements of a step share a cache line. Four channels are computed at once, a lane each, and the sum
 * over the state runs in order within a lane. The unit's states and rows of `A`, turned to `state channel`, stay in
 * scratch and in the cache, 128 bytes a state.
 *
 * Rows of `B` and `C` that four channels share are read as they are. Others are turned to lanes too, into 128 bytes a
 * state more: once for all steps where they are constant, else at every step.
 *
 * Work: an exponential and three multiply-adds for each `batch · time · inner · state`, some 40 instructions for four
 * of them; memory traffic is that of the inputs and outputs, once.
 */
import { exp2Decay } from "../../../wasm/src/snippets/exp.as.ts";
import { fromLanes, toLanes } from "../../../wasm/src/snippets/lanes.as.ts";
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { silu } from "../../../wasm/src/snippets/sigmoid.as.ts";
import { softplus } from "../../../wasm/src/snippets/softplus.as.ts";

const CHANNELS = 16;
const LOG2_E: f32 = 1.4426950408889634;

/** `groupsB` and `groupsC` are numbers of groups at each step, or 0 where rows are constant. */
export function selectiveScanForward(
  begin: i32, end: i32, scratch: usize,
  time: i32, inner: i32, state: i32, groupsB: i32, groupsC: i32,
  u: usize, delta: usize, A: usize, B: usize, C: usize,
  D: usize, z: usize, deltaBias: usize, initialState: usize, mask: usize, seqIdx: usize,
  y: usize, finalState: usize,
  deltaSoftplus: i32,
): void {
  const blocks = (inner + CHANNELS - 1) / CHANNELS;
  const size = CHANNELS * state;
  const h = scratch;
  const rates = at(scratch, size);
  const ownB = at(rates, size);
  const ownC = at(ownB, size);
  const steps = at(ownC, size);
  const zero = f32x4.splat(0);
  const inGroupB = groupsB ? inner / groupsB : 1;
  const inGroupC = groupsC ? inner / groupsC : 1;
  const shared = sharedByFour(groupsB, inGroupB) && sharedByFour(groupsC, inGroupC);

  for (let unit = begin; unit < end; unit++) {
    const b = unit / blocks;
    const first = (unit % blocks) * CHANNELS;
    const last = min(first + CHANNELS, inner);
    const channels = (b * inner + first) * state;
    const bias = deltaBias ? at(deltaBias, first) : 0;
    let begun = false;
    let sequence = 0;

    toLanes(at(A, first * state), rates, last - first, state, state);
    if (initialState) toLanes(at(initialState, channels), h, last - first, state, state);
    else memory.fill(h, 0, (<usize>size) << 2);
    if (!groupsB) spread(B, ownB, first, last, 1, state);
    if (!groupsC) spread(C, ownC, first, last, 1, state);

    for (let t = 0; t < time; t++) {
      const row = b * time + t;
      const Bt = at(B, row * groupsB * state);
      const Ct = at(C, row * groupsC * state);
      const ignored = mask != 0 && load<i32>(at(mask, row)) == 0;
      if (seqIdx != 0 && !ignored) {
        const id = load<i32>(at(seqIdx, row));
        if (begun && id != sequence) memory.fill(h, 0, (<usize>size) << 2);
        begun = true;
        sequence = id;
      }
      if (!ignored) {
        stepSizes(at(delta, row * inner + first), bias, deltaSoftplus, last - first, steps);
        if (!shared) {
          if (groupsB) spread(Bt, ownB, first, last, inGroupB, state);
          if (groupsC) spread(Ct, ownC, first, last, inGroupC, state);
        }
      }
      for (let e = first; e < last; e += 4) {
        const count = last - e;
        const here = row * inner + e;
        if (ignored) {
          store4(at(y, here), zero, count);
          continue;
        }
        const d = v128.load(at(steps, e - first));
        const input = load4(at(u, here), count);
        const drive = f32x4.mul(d, input);
        let out = D ? f32x4.mul(load4(at(D, e), count), input) : zero;

        // exp(d · A) = 2^(d · log2 e · A), and the power of two is the cheaper one
        const d2 = f32x4.mul(d, f32x4.splat(LOG2_E));
        const place = (e - first) * state;
        out = shared
          ? step(true, at(h, place), at(rates, place), at(Bt, groupOf(e, inGroupB) * state), at(Ct, groupOf(e, inGroupC) * state), d2, drive, out, state)
          : step(false, at(h, place), at(rates, place), at(ownB, place), at(ownC, place), d2, drive, out, state);
        if (z) out = f32x4.mul(out, silu(load4(at(z, here), count)));
        store4(at(y, here), out, count);
      }
    }
    fromLanes(h, at(finalState, channels), last - first, state, state);
  }
}

/** Whether four neighbouring channels always read one row. */
@inline
function sharedByFour(groups: i32, inGroup: i32): bool {
  return groups == 1 || (groups > 1 && inGroup % 4 == 0);
}

@inline
function groupOf(e: i32, inGroup: i32): i32 {
  return e < inGroup ? 0 : e / inGroup;
}

/** Turns the rows of channels `first` to `last` to lanes, of which `inGroup` neighbours have one. */
function spread(rows: usize, lanes: usize, first: i32, last: i32, inGroup: i32, state: i32): void {
  const ends = last - first;
  for (let e = 0; e < ((ends + 3) & ~3); e++) {
    // what is behind the last channel has its row, as any would do
    const from = at(rows, (min(first + e, last - 1) / inGroup) * state);
    const to = at(lanes, (e & ~3) * state + (e & 3));
    for (let n = 0; n < state; n++) store<f32>(at(to, n * 4), load<f32>(at(from, n)));
  }
}

/**
 * `softplus(delta + bias)` of a row's channels, or without one or both. This comes before the recurrence and not within
 * it: there each group of channels would wait for its own.
 */
@inline
function stepSizes(delta: usize, bias: usize, plus: i32, channels: i32, steps: usize): void {
  for (let e = 0; e < channels; e += 4) {
    let d = load4(at(delta, e), channels - e);
    if (bias) d = f32x4.add(d, load4(at(bias, e), channels - e));
    if (plus) d = softplus(d);
    v128.store(at(steps, e), d);
  }
}

/** Moves the states of four channels on by a step; gives `out` with `C · h` added. `B` and `C` are one row or in lanes. */
@inline
function step(
  shared: bool, h: usize, rates: usize, B: usize, C: usize, d2: v128, drive: v128, out: v128, state: i32,
): v128 {
  let n = 0;
  let place: usize = 0;
  // two at a time, as they share the constants of the power of two
  for (; n + 2 <= state; n += 2, place += 32) {
    const decay = exp2Decay(f32x4.mul(d2, v128.load(rates + place)));
    const decay1 = exp2Decay(f32x4.mul(d2, v128.load(rates + place, 16)));
    const hn = madd(decay, v128.load(h + place), f32x4.mul(drive, entry(shared, B, n)));
    const hn1 = madd(decay1, v128.load(h + place, 16), f32x4.mul(drive, entry(shared, B, n + 1)));
    v128.store(h + place, hn);
    v128.store(h + place, hn1, 16);
    out = madd(entry(shared, C, n), hn, out);
    out = madd(entry(shared, C, n + 1), hn1, out);
  }
  if (n < state) {
    const decay = exp2Decay(f32x4.mul(d2, v128.load(rates + place)));
    const hn = madd(decay, v128.load(h + place), f32x4.mul(drive, entry(shared, B, n)));
    v128.store(h + place, hn);
    out = madd(entry(shared, C, n), hn, out);
  }
  return out;
}

/** Entry `n` of a row for all lanes, or of four rows in lanes. */
@inline
function entry(shared: bool, rows: usize, n: i32): v128 {
  return shared ? v128.load_splat<f32>(at(rows, n)) : v128.load(at(rows, n * 4));
}
