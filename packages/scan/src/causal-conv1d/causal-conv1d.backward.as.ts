/**
 * Gradient of the causal convolution, one pass over time. A unit is up to 64 neighbouring channels of all sequences, so
 * that the sums of `weight` and `bias` are its own; four channels are computed at once, a lane each. A step computes its
 * sum anew, adds to the gradients of the inputs in its window, and lets go of the oldest: that one is complete. Taps,
 * windows, the windows' gradients and the sums stay in scratch: 1 KiB a tap. Where no step is padding
 * or begins a sequence, windows of four go another way, with the same bits and 17 KiB more: see `whole`.
 *
 * Work: three multiply-adds for each `batch · time · inner · width`, and a sigmoid for each element where SiLU follows.
 * Moves 12 bytes an element.
 */
import { gatherRows, scatterRows } from "../../../wasm/src/snippets/compact.as.ts";
import { expsOfMinus } from "../../../wasm/src/snippets/exp.as.ts";
import { fromLanes, toLanes } from "../../../wasm/src/snippets/lanes.as.ts";
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, gather4, load4, scatter4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { sigmoid } from "../../../wasm/src/snippets/sigmoid.as.ts";
import { sumsOfFour } from "./sum-of-four.as.ts";

const CHANNELS = 64;
/** Steps whose gradients by the sums are computed at once. */
const STEPS = 16;

export function causalConv1dBackward(
  begin: i32, end: i32, scratch: usize,
  batch: i32, time: i32, inner: i32, width: i32,
  x: usize, weight: usize, bias: usize, initialState: usize, mask: usize, seqIdx: usize, dy: usize, dfinalState: usize,
  dx: usize, dweight: usize, dbias: usize, dinitialState: usize,
  activate: i32,
): void {
  const past = width - 1;
  const size = CHANNELS * width;
  const taps = scratch;
  const windows = at(taps, size);
  const grads = at(windows, size); // of the inputs in the windows
  const tapSums = at(grads, size);
  const biasSums = at(tapSums, size);
  const recent = at(biasSums, CHANNELS); // rows of the last inputs
  const slopes = at(recent, past);
  const plain = width == 4 && mask == 0 && seqIdx == 0;
  const zero = f32x4.splat(0);

  for (let unit = begin; unit < end; unit++) {
    const first = unit * CHANNELS;
    const last = min(first + CHANNELS, inner);
    toLanes(at(weight, first * width), taps, last - first, width, width);
    memory.fill(tapSums, 0, (<usize>(size + CHANNELS)) << 2);

    for (let b = 0; b < batch; b++) {
      const channels = (b * inner + first) * past;
      memory.fill(windows, 0, (<usize>size) << 3); // and their gradients
      if (initialState) toLanes(at(initialState, channels), at(windows, 4), last - first, past, width);

      let step = 0; // of the sequence; padding is none
      let state = at(dinitialState, channels); // what the sequence began with; later ones began with nothing
      let sequence = 0;
      for (let t = 0; t < time; t++) {
        const row = b * time + t;
        if (t == past && plain) {
          const here = row * inner + first;
          whole(
            at(x, here), taps, bias ? at(bias, first) : 0, dy ? at(dy, here) : 0, at(dx, here), windows, grads, tapSums, biasSums, slopes,
            last - first, time - past, inner, activate,
          );
          step = time;
          for (let i = time - past; i < time; i++) store<i32>(at(recent, i % past), b * time + i);
          break;
        }
        if (mask != 0 && load<i32>(at(mask, row)) == 0) {
          memory.fill(at(dx, row * inner + first), 0, (<usize>(last - first)) << 2);
          continue;
        }
        if (seqIdx) {
          const id = load<i32>(at(seqIdx, row));
          if (step > 0 && id != sequence) {
            finish(dx, state, 0, grads, recent, step, first, last, inner, past);
            memory.fill(windows, 0, (<usize>size) << 3);
            step = 0;
            state = 0;
          }
          sequence = id;
        }
        const leaving = past == 0 ? row : load<i32>(at(recent, step % past));
        if (past > 0) store<i32>(at(recent, step % past), row);
        for (let e = first; e < last; e += 4) {
          const count = last - e;
          const here = row * inner + e;
          const place = (e - first) * width;
          const newest = load4(at(x, here), count);
          const sum = shift(at(windows, place), at(taps, place), newest, past, bias ? load4(at(bias, e), count) : zero);
          let ds = dy ? load4(at(dy, here), count) : zero;
          if (activate) ds = f32x4.mul(ds, siluSlope(sum));
          v128.store(at(biasSums, e - first), f32x4.add(v128.load(at(biasSums, e - first)), ds));
          const complete = spread(at(windows, place), at(taps, place), at(tapSums, place), at(grads, place), ds, width);
          if (step < past) putState(state, (e - first) * past + step, past, complete, count);
          else store4(at(dx, leaving * inner + e), complete, count);
        }
        step++;
      }

      const after = dfinalState ? at(dfinalState, channels) : 0;
      finish(dx, state, after, grads, recent, step, first, last, inner, past);
    }

    fromLanes(tapSums, at(dweight, first * width), last - first, width, width);
    memory.copy(at(dbias, first), biasSums, (<usize>(last - first)) << 2);
  }
}

/** The inputs that are in the windows as a sequence ends have their gradients, and what the state after it adds. */
function finish(
  dx: usize, state: usize, after: usize,
  grads: usize, recent: usize,
  steps: i32,
  first: i32, last: i32, inner: i32, past: i32,
): void {
  for (let k = 0; k < past; k++) {
    const step = steps + k;
    for (let e = first; e < last; e += 4) {
      const count = last - e;
      const channel = (e - first) * past;
      let grad = v128.load(at(grads, (e - first) * (past + 1) + k * 4));
      if (after) grad = f32x4.add(grad, gather4(at(after, channel + k), past, count));
      if (step < past) putState(state, channel + step, past, grad, count);
      else store4(at(dx, load<i32>(at(recent, step % past)) * inner + e), grad, count);
    }
  }
}

@inline
function putState(state: usize, place: i32, past: i32, grad: v128, count: i32): void {
  if (state) scatter4(at(state, place), past, grad, count);
}

/** Moves the window on by one input; gives the sum over it. */
@inline
function shift(window: usize, taps: usize, newest: v128, past: i32, sum: v128): v128 {
  let place: usize = 0;
  for (let k = 0; k < past; k++, place += 16) {
    const input = v128.load(window + place, 16);
    v128.store(window + place, input);
    sum = madd(v128.load(taps + place), input, sum);
  }
  v128.store(window + place, newest);
  return madd(v128.load(taps + place), newest, sum);
}

/** Adds what flows back through one sum; gives the gradient of the window's oldest input and moves the others up. */
@inline
function spread(window: usize, taps: usize, tapSums: usize, grads: usize, ds: v128, width: i32): v128 {
  v128.store(tapSums, madd(ds, v128.load(window), v128.load(tapSums)));
  const oldest = madd(ds, v128.load(taps), v128.load(grads));
  let place: usize = 0;
  for (let k = 1; k < width; k++, place += 16) {
    v128.store(tapSums + place, madd(ds, v128.load(window + place, 16), v128.load(tapSums + place, 16)), 16);
    v128.store(grads + place, madd(ds, v128.load(taps + place, 16), v128.load(grads + place, 16)));
  }
  v128.store(grads + place, f32x4.splat(0)); // of the input that comes next
  return oldest;
}

@inline
function siluSlope(x: v128): v128 {
  return siluSlopeOf(x, sigmoid(x));
}

@inline
function siluSlopeOf(x: v128, s: v128): v128 {
  return f32x4.mul(s, madd(x, f32x4.sub(f32x4.splat(1), s), f32x4.splat(1)));
}

/**
 * Steps of windows of four that hold inputs of the sequence only, sixteen at a time, brought together: first the gradients by
 * all sums, then for four channels after the others what follows from them, with window, its gradients and the sums in registers.
 */
function whole(
  x: usize, taps: usize, bias: usize, dy: usize, dx: usize, windows: usize, grads: usize, tapSums: usize, biasSums: usize,
  slopes: usize, channels: i32, time: i32, inner: i32, activate: i32,
): void {
  const wide = (channels + 3) & ~3;
  const row = at(0, wide);
  const sums = at(slopes, STEPS * CHANNELS); // later gradients of the inputs three steps before
  const spare = at(sums, STEPS * CHANNELS);
  const inputs = at(spare, STEPS * CHANNELS);
  for (let first = 0; first < time; first += STEPS) {
    const length = min(STEPS, time - first);
    const before = (first - 3) * inner;
    gatherRows(at(x, before), inner, channels, length + 3, inputs, wide);
    if (dy) gatherRows(at(dy, first * inner), inner, channels, length, slopes, wide);
    else memory.fill(slopes, 0, row * <usize>length);
    if (activate) {
      sumsOfFour(inputs, taps, bias, channels, wide, length, sums);
      expsOfMinus(sums, (length * wide) >> 2, spare);
      for (let i = 0; i < length * wide; i += 4) {
        const s = f32x4.div(f32x4.splat(1), f32x4.add(f32x4.splat(1), v128.load(at(spare, i))));
        v128.store(at(slopes, i), f32x4.mul(v128.load(at(slopes, i)), siluSlopeOf(v128.load(at(sums, i)), s)));
      }
    }
    for (let e = 0; e < channels; e += 4) {
      const place = at(0, e * 4);
      const tap0 = v128.load(taps + place), tap1 = v128.load(taps + place, 16), tap2 = v128.load(taps + place, 32);
      const tap3 = v128.load(taps + place, 48);
      let from = at(inputs, e);
      let x0 = v128.load(from), x1 = v128.load(from + row), x2 = v128.load(from + 2 * row);
      let g0 = v128.load(grads + place), g1 = v128.load(grads + place, 16), g2 = v128.load(grads + place, 32);
      let s0 = v128.load(tapSums + place), s1 = v128.load(tapSums + place, 16), s2 = v128.load(tapSums + place, 32);
      let s3 = v128.load(tapSums + place, 48), biasSum = v128.load(at(biasSums, e));
      from += 3 * row;
      let slope = at(slopes, e);
      const ends = slope + row * <usize>length;
      for (let to = at(sums, e); slope < ends; slope += row, from += row, to += row) {
        const ds = v128.load(slope);
        const newest = v128.load(from);
        s0 = madd(ds, x0, s0);
        s1 = madd(ds, x1, s1);
        s2 = madd(ds, x2, s2);
        s3 = madd(ds, newest, s3);
        biasSum = f32x4.add(biasSum, ds);
        x0 = x1;
        x1 = x2;
        x2 = newest;
        v128.store(to, madd(ds, tap0, g0));
        g0 = madd(ds, tap1, g1);
        g1 = madd(ds, tap2, g2);
        g2 = madd(ds, tap3, f32x4.splat(0));
      }
      v128.store(windows + place, x0, 16);
      v128.store(windows + place, x1, 32);
      v128.store(windows + place, x2, 48);
      v128.store(grads + place, g0);
      v128.store(grads + place, g1, 16);
      v128.store(grads + place, g2, 32);
      v128.store(tapSums + place, s0);
      v128.store(tapSums + place, s1, 16);
      v128.store(tapSums + place, s2, 32);
      v128.store(tapSums + place, s3, 48);
      v128.store(at(biasSums, e), biasSum);
    }
    scatterRows(sums, wide, channels, length, at(dx, before), inner);
  }
}
