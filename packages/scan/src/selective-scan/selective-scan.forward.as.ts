/**
 * Selective scan, one pass over time for any number of tokens. A unit is up to sixteen neighbouring channels of one
 * sequence: their elements of a step share a cache line. Four channels are computed at once, a lane each, and the sum
 * over the state runs in order within a lane. States and `A` are turned to `state channels` in scratch, 128 bytes a
 * state, and stay in the cache.
 *
 * Work: an exponential and three multiply-adds for each `batch · time · inner · state`; memory traffic is that of the
 * inputs and outputs, once.
 */
import { exp2Decay } from "../../../wasm/src/snippets/exp.as.ts";
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, gather4, load4, scatter4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { silu } from "../../../wasm/src/snippets/sigmoid.as.ts";
import { softplus } from "../../../wasm/src/snippets/softplus.as.ts";

const CHANNELS = 16;
const LOG2_E: f32 = 1.4426950408889634; // exp(x) = 2^(x · log2 e), and the power of two is cheaper

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
  const zero = f32x4.splat(0);

  for (let unit = begin; unit < end; unit++) {
    const b = unit / blocks;
    const first = (unit % blocks) * CHANNELS;
    const last = min(first + CHANNELS, inner);
    const channels = (b * inner + first) * state;

    turn(at(A, first * state), rates, state, last - first, LOG2_E);
    if (initialState) turn(at(initialState, channels), h, state, last - first, 1);
    else memory.fill(h, 0, (<usize>CHANNELS * state) << 2);

    for (let t = 0; t < time; t++) {
      const row = b * time + t;
      const Bt = at(B, row * state);
      const Ct = at(C, row * state);
      const ignored = mask != 0 && load<i32>(at(mask, row)) == 0;
      for (let e = first; e < last; e += 4) {
        const count = last - e;
        const here = row * inner + e;
        if (ignored) {
          store4(at(y, here), zero, count);
          continue;
        }
        let d = load4(at(delta, here), count);
        if (deltaBias) d = f32x4.add(d, load4(at(deltaBias, e), count));
        if (deltaSoftplus) d = softplus(d);
        const input = load4(at(u, here), count);
        const drive = f32x4.mul(d, input);
        let out = D ? f32x4.mul(load4(at(D, e), count), input) : zero;

        let lane = (e - first) * state;
        for (let n = 0; n < state; n++) {
          const a = exp2Decay(f32x4.mul(d, v128.load(at(rates, lane))));
          const hn = madd(a, v128.load(at(h, lane)), f32x4.mul(drive, v128.load_splat<f32>(at(Bt, n))));
          v128.store(at(h, lane), hn);
          out = madd(v128.load_splat<f32>(at(Ct, n)), hn, out);
          lane += 4;
        }
        if (z) out = f32x4.mul(out, silu(load4(at(z, here), count)));
        store4(at(y, here), out, count);
      }
    }
    turnBack(h, at(finalState, channels), state, last - first);
  }
}

/** From `channel state` to groups of four channels, `state channel` each, times a factor. */
function turn(from: usize, to: usize, state: i32, channels: i32, factor: f32): void {
  for (let e = 0; e < channels; e += 4) {
    for (let n = 0; n < state; n++) {
      const values = gather4(at(from, e * state + n), state, channels - e);
      v128.store(at(to, e * state + n * 4), f32x4.mul(values, f32x4.splat(factor)));
    }
  }
}

/** The inverse of `turn`. */
function turnBack(from: usize, to: usize, state: i32, channels: i32): void {
  for (let e = 0; e < channels; e += 4) {
    for (let n = 0; n < state; n++) scatter4(at(to, e * state + n), state, v128.load(at(from, e * state + n * 4)), channels - e);
  }
}
