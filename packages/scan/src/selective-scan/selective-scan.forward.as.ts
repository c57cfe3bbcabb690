/**
 * Selective scan, one pass over time for any number of tokens. A unit is up to 64 neighbouring channels of one sequence:
 * their elements of a step are four cache lines. Step sizes and inputs of 32 steps are
 * brought together first and outputs finished last, so that loops are short and keep many numbers under way. Four
 * channels are computed at once, a lane each: their decays, then the states and the sum over them. The unit's states and
 * rows of `A`, turned to `state channel`, stay in scratch and in the cache, 512 bytes a number of the state.
 *
 * Rows of `B` and `C` that four channels share are read as they are, in real numbers by a loop of its own for eight channels
 * at a time. Others are turned to lanes too, into 512 bytes a state more: once for all steps where they are constant, else
 * at every step.
 *
 * Work: an exponential and three multiply-adds for each `batch · time · inner · state`, some 40 instructions for four
 * of them; memory traffic is that of the inputs and outputs, once.
 */
import { polarTo } from "../../../wasm/src/snippets/angle.as.ts";
import { addToRows, gatherRows } from "../../../wasm/src/snippets/compact.as.ts";
import { exp2Decay, exp2Decays, exp2DecaysOfTwo, expsOfMinus, peakOf } from "../../../wasm/src/snippets/exp.as.ts";
import { fromLanes, toLanes } from "../../../wasm/src/snippets/lanes.as.ts";
import { madd, nmadd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { softpluses } from "../../../wasm/src/snippets/softplus.as.ts";

const CHANNELS = 64;
/** Steps at once, for all channels of a unit. */
const CHUNK = 32;
const LOG2_E: f32 = 1.4426950408889634;

/**
 * Complex numbers lie in rows with their real and imaginary parts in turn, and in lanes with a vector for each.
 * `groupsB` and `groupsC` are numbers of groups at each step, or 0 where rows are constant.
 */
export function selectiveScanForward(
  begin: i32, end: i32, scratch: usize,
  time: i32, inner: i32, state: i32, complex: i32, groupsB: i32, groupsC: i32,
  u: usize, delta: usize, A: usize, B: usize, C: usize,
  D: usize, z: usize, deltaBias: usize, initialState: usize, mask: usize, seqIdx: usize,
  y: usize, finalState: usize,
  deltaSoftplus: i32,
): void {
  const blocks = (inner + CHANNELS - 1) / CHANNELS;
  const width = complex ? 2 * state : state; // numbers of a channel's state
  const size = CHANNELS * width;
  const decays = scratch;
  const peaks = at(decays, 8 * width);
  const h = at(peaks, CHANNELS);
  const rates = at(h, size);
  const ownB = at(rates, size);
  const ownC = at(ownB, size);
  const steps = at(ownC, size);
  const inputs = at(steps, CHUNK * CHANNELS);
  const outputs = at(inputs, CHUNK * CHANNELS);
  const spare = at(outputs, CHUNK * CHANNELS); // exponentials
  const inGroupB = groupsB ? inner / groupsB : 1;
  const inGroupC = groupsC ? inner / groupsC : 1;
  const shared = sharedByFour(groupsB, inGroupB) && sharedByFour(groupsC, inGroupC);

  for (let unit = begin; unit < end; unit++) {
    const b = unit / blocks;
    const first = (unit % blocks) * CHANNELS;
    const last = min(first + CHANNELS, inner);
    const count = last - first;
    const wide = (count + 3) & ~3; // elements of a step
    const channels = (b * inner + first) * width;
    const bias = deltaBias ? at(deltaBias, first) : 0;
    let begun = false;
    let sequence = 0;

    toLanes(at(A, first * width), rates, count, width, width);
    for (let e = 0; e < count; e += 4) v128.store(at(peaks, e), peakOf(at(rates, e * width), width));
    if (initialState) toLanes(at(initialState, channels), h, count, width, width);
    else memory.fill(h, 0, (<usize>size) << 2);
    if (!groupsB) spread(B, ownB, first, last, 1, width);
    if (!groupsC) spread(C, ownC, first, last, 1, width);

    for (let start = 0; start < time; start += CHUNK) {
      const length = min(CHUNK, time - start);
      const here = (b * time + start) * inner + first;
      gatherRows(at(delta, here), inner, count, length, steps, wide);
      if (bias) addToRows(bias, count, length, steps, wide);
      if (deltaSoftplus) softpluses(steps, (length * wide) >> 2, spare);
      gatherRows(at(u, here), inner, count, length, inputs, wide);

      for (let t = 0; t < length; t++) {
        const row = b * time + start + t;
        const out = at(outputs, t * wide);
        if (mask != 0 && load<i32>(at(mask, row)) == 0) {
          memory.fill(out, 0, (<usize>wide) << 2);
          continue;
        }
        if (seqIdx != 0) {
          const id = load<i32>(at(seqIdx, row));
          if (begun && id != sequence) memory.fill(h, 0, (<usize>size) << 2);
          begun = true;
          sequence = id;
        }
        const Bt = at(B, row * groupsB * width);
        const Ct = at(C, row * groupsC * width);
        if (!shared) {
          if (groupsB) spread(Bt, ownB, first, last, inGroupB, width);
          if (groupsC) spread(Ct, ownC, first, last, inGroupC, width);
        }
        if (shared && !complex) {
          for (let e = 0; e < count; ) {
            const rowB = groupOf(first + e, inGroupB);
            const rowC = groupOf(first + e, inGroupC);
            const next = min(count, min((rowB + 1) * inGroupB, (rowC + 1) * inGroupC) - first);
            sharedSteps(
              at(steps, t * wide + e), at(inputs, t * wide + e), at(out, e), at(h, e * width), at(rates, e * width),
              at(peaks, e), decays, at(Bt, rowB * width), at(Ct, rowC * width), next - e, width,
            );
            e = next;
          }
          continue;
        }
        for (let e = 0; e < count; e += 4) {
          const d = v128.load(at(steps, t * wide + e));
          const drive = f32x4.mul(d, v128.load(at(inputs, t * wide + e)));
          const d2 = f32x4.mul(d, f32x4.splat(LOG2_E));
          const place = e * width;
          const rowB = shared ? at(Bt, groupOf(first + e, inGroupB) * width) : at(ownB, place);
          const rowC = shared ? at(Ct, groupOf(first + e, inGroupC) * width) : at(ownC, place);
          let sum: v128;
          if (complex) sum = complexStep(shared, decays, at(h, place), at(rates, place), rowB, rowC, d, d2, drive, width);
          else {
            exp2Decays(d2, at(rates, place), width, v128.load(at(peaks, e)), decays);
            sum = step(decays, at(h, place), rowB, rowC, drive, width);
          }
          v128.store(at(out, e), sum);
        }
      }
      if (z) {
        gatherRows(at(z, here), inner, count, length, steps, wide); // of no use any more
        expsOfMinus(steps, (length * wide) >> 2, spare);
      }
      finish(
        outputs, inputs, D ? at(D, first) : 0, z ? steps : 0, spare, mask ? at(mask, b * time + start) : 0, count, inner, length, at(y, here),
      );
    }
    fromLanes(h, at(finalState, channels), count, width, width);
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

/** The outputs of a chunk: what the state gives, the skip, and the gate, whose `exp(-z)` are at `exps`. */
function finish(
  sums: usize, inputs: usize, D: usize, gates: usize, exps: usize, mask: usize, channels: i32, inner: i32, length: i32, y: usize,
): void {
  const one = f32x4.splat(1);
  let place: usize = 0;
  for (let t = 0; t < length; t++, y = at(y, inner)) {
    const ignored = mask != 0 && load<i32>(at(mask, t)) == 0;
    for (let e = 0; e < channels; e += 4, place += 16) {
      let out = v128.load(sums + place);
      if (!ignored) {
        if (D) out = madd(load4(at(D, e), channels - e), v128.load(inputs + place), out);
        if (gates) out = f32x4.mul(out, f32x4.div(v128.load(gates + place), f32x4.add(one, v128.load(exps + place))));
      }
      store4(at(y, e), out, channels - e);
    }
  }
}

/**
 * Moves the states of channels that share a row of `B` and one of `C` on by a step, eight at a time, so that each entry is
 * read once for eight; the outputs are `C · h`. There is room for the decays of eight at `decays`.
 */
function sharedSteps(
  steps: usize, inputs: usize, outputs: usize, h: usize, rates: usize, peaks: usize, decays: usize, B: usize, C: usize,
  channels: i32, width: i32,
): void {
  const size = (<usize>width) << 4;
  let e = 0;
  for (; e + 4 < channels; e += 8) {
    const d = v128.load(at(steps, e)), d1 = v128.load(at(steps, e), 16);
    const drive = f32x4.mul(d, v128.load(at(inputs, e))), drive1 = f32x4.mul(d1, v128.load(at(inputs, e), 16));
    const log2e = f32x4.splat(LOG2_E);
    exp2DecaysOfTwo(
      f32x4.mul(d, log2e), f32x4.mul(d1, log2e), at(rates, e * width), width, v128.load(at(peaks, e)), v128.load(at(peaks, e), 16),
      decays, 32,
    );
    let state = at(h, e * width), state1 = state + size;
    let decay = decays;
    let out = f32x4.splat(0), out1 = out;
    const end = at(B, width);
    for (let b = B, c = C; b < end; b += 4, c += 4) {
      const entryB = v128.load_splat<f32>(b), entryC = v128.load_splat<f32>(c);
      const next = madd(v128.load(decay), v128.load(state), f32x4.mul(drive, entryB));
      const next1 = madd(v128.load(decay, 16), v128.load(state1), f32x4.mul(drive1, entryB));
      v128.store(state, next);
      v128.store(state1, next1);
      out = madd(entryC, next, out);
      out1 = madd(entryC, next1, out1);
      decay += 32;
      state += 16;
      state1 += 16;
    }
    v128.store(at(outputs, e), out);
    v128.store(at(outputs, e), out1, 16);
  }
  if (e >= channels) return;
  const d = v128.load(at(steps, e));
  const drive = f32x4.mul(d, v128.load(at(inputs, e)));
  exp2Decays(f32x4.mul(d, f32x4.splat(LOG2_E)), at(rates, e * width), width, v128.load(at(peaks, e)), decays);
  let state = at(h, e * width);
  let out = f32x4.splat(0);
  for (let n = 0; n < width; n++, state += 16, decays += 16) {
    const next = madd(v128.load(decays), v128.load(state), f32x4.mul(drive, v128.load_splat<f32>(at(B, n))));
    v128.store(state, next);
    out = madd(v128.load_splat<f32>(at(C, n)), next, out);
  }
  v128.store(at(outputs, e), out);
}

/** Moves the states of four channels on by a step, with rows of `B` and `C` in lanes; gives `C · h`. */
@inline
function step(decays: usize, h: usize, B: usize, C: usize, drive: v128, state: i32): v128 {
  let out = f32x4.splat(0);
  for (let place: usize = 0; place < (<usize>state) << 4; place += 16) {
    const next = madd(v128.load(decays + place), v128.load(h + place), f32x4.mul(drive, v128.load(B + place)));
    v128.store(h + place, next);
    out = madd(v128.load(C + place), next, out);
  }
  return out;
}

/** As `step`, in complex numbers, of which a state has `width / 2`. There is room for one decay at `decays`. */
function complexStep(
  shared: bool, decays: usize, h: usize, rates: usize, B: usize, C: usize, d: v128, d2: v128, drive: v128, width: i32,
): v128 {
  let sum = f32x4.splat(0);
  for (let n = 0; n < width; n += 2, h += 32, rates += 32) {
    polarTo(decays, exp2Decay(f32x4.mul(d2, v128.load(rates))), d, v128.load(rates, 16));
    const decayRe = v128.load(decays);
    const decayIm = v128.load(decays, 16);
    const re = v128.load(h);
    const im = v128.load(h, 16);
    const nextRe = madd(decayRe, re, nmadd(decayIm, im, f32x4.mul(drive, entry(shared, B, n))));
    const nextIm = madd(decayRe, im, madd(decayIm, re, f32x4.mul(drive, entry(shared, B, n + 1))));
    v128.store(h, nextRe);
    v128.store(h, nextIm, 16);
    sum = madd(entry(shared, C, n), nextRe, nmadd(entry(shared, C, n + 1), nextIm, sum));
  }
  return f32x4.add(sum, sum);
}

/** Entry `n` of a row for all lanes, or of four rows in lanes. */
@inline
function entry(shared: bool, rows: usize, n: i32): v128 {
  return shared ? v128.load_splat<f32>(at(rows, n)) : v128.load(at(rows, n * 4));
}
