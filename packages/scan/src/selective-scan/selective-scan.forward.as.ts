/**
 * Selective scan, one pass over time for any number of tokens. A unit is up to sixteen neighbouring channels of one
 * sequence: their elements of a step share a cache line. Four channels are computed at once, a lane each, and the sum
 * over the state runs in order within a lane. The unit's states and rows of `A`, turned to `state channel`, stay in
 * scratch and in the cache, 128 bytes a state.
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

export function selectiveScanForward(
  begin: i32, end: i32, scratch: usize,
  time: i32, inner: i32, state: i32,
  u: usize, delta: usize, A: usize, B: usize, C: usize,
  D: usize, z: usize, deltaBias: usize, initialState: usize, mask: usize,
  y: usize, finalState: usize,
  deltaSoftplus: i32,
): void {
  const blocks = (inner + CHANNELS - 1) / CHANNELS;
  const h = scratch;
  const rates = at(scratch, CHANNELS * state);
  const steps = at(rates, CHANNELS * state);
  const zero = f32x4.splat(0);

  for (let unit = begin; unit < end; unit++) {
    const b = unit / blocks;
    const first = (unit % blocks) * CHANNELS;
    const last = min(first + CHANNELS, inner);
    const channels = (b * inner + first) * state;
    const bias = deltaBias ? at(deltaBias, first) : 0;

    toLanes(at(A, first * state), rates, last - first, state, state);
    if (initialState) toLanes(at(initialState, channels), h, last - first, state, state);
    else memory.fill(h, 0, (<usize>CHANNELS * state) << 2);

    for (let t = 0; t < time; t++) {
      const row = b * time + t;
      const Bt = at(B, row * state);
      const Ct = at(C, row * state);
      const ignored = mask != 0 && load<i32>(at(mask, row)) == 0;
      if (!ignored) stepSizes(at(delta, row * inner + first), bias, deltaSoftplus, last - first, steps);
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
        let place = (e - first) * state;
        let n = 0;
        // two at a time, as they share the constants of the power of two
        for (; n + 2 <= state; n += 2) {
          const decay = exp2Decay(f32x4.mul(d2, v128.load(at(rates, place))));
          const decay1 = exp2Decay(f32x4.mul(d2, v128.load(at(rates, place), 16)));
          const hn = advance(at(h, place), decay, drive, at(Bt, n));
          const hn1 = advance(at(h, place + 4), decay1, drive, at(Bt, n + 1));
          v128.store(at(h, place), hn);
          v128.store(at(h, place), hn1, 16);
          out = madd(v128.load_splat<f32>(at(Ct, n)), hn, out);
          out = madd(v128.load_splat<f32>(at(Ct, n), 4), hn1, out);
          place += 8;
        }
        if (n < state) {
          const decay = exp2Decay(f32x4.mul(d2, v128.load(at(rates, place))));
          const hn = advance(at(h, place), decay, drive, at(Bt, n));
          v128.store(at(h, place), hn);
          out = madd(v128.load_splat<f32>(at(Ct, n)), hn, out);
        }
        if (z) out = f32x4.mul(out, silu(load4(at(z, here), count)));
        store4(at(y, here), out, count);
      }
    }
    fromLanes(h, at(finalState, channels), last - first, state, state);
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

/** `decay · h + drive · B`, in memory still to be written. */
@inline
function advance(h: usize, decay: v128, drive: v128, B: usize): v128 {
  return madd(decay, v128.load(h), f32x4.mul(drive, v128.load_splat<f32>(B)));
}
