/**
 * Selective scan of one token after a state, real, whose channels share a row of `B` and one of `C`. A unit is up to sixteen neighbouring
 * channels of one sequence. Four numbers of a channel's state are computed at once, as they lie: unlike in
 * `selective-scan.forward.as.ts`, which has many steps to make up for it, nothing is turned to lanes. `C · h` is summed in
 * four lanes, those of four channels together. Step sizes are made first and gates last, for all channels of the unit, so
 * that their long chains of instructions are under way together.
 *
 * Work: an exponential and three multiply-adds for each `batch · inner · state`; moves `A` and the states, once.
 * Suits a `state` that is a multiple of four.
 */
import { exp2Decay } from "../../../wasm/src/snippets/exp.as.ts";
import { lane0, lane1, lane2, lane3 } from "../../../wasm/src/snippets/lane.as.ts";
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { silu } from "../../../wasm/src/snippets/sigmoid.as.ts";
import { softplus } from "../../../wasm/src/snippets/softplus.as.ts";
import { sums4 } from "../../../wasm/src/snippets/sum.as.ts";

const CHANNELS = 16;
const LOG2_E: f32 = 1.4426950408889634;

export function selectiveScanToken(
  begin: i32, end: i32, scratch: usize,
  inner: i32, state: i32,
  u: usize, delta: usize, A: usize, B: usize, C: usize,
  D: usize, z: usize, deltaBias: usize, initialState: usize,
  y: usize, finalState: usize,
  deltaSoftplus: i32,
): void {
  const steps = scratch; // and what is read out, in their place
  const blocks = (inner + CHANNELS - 1) / CHANNELS;
  for (let unit = begin; unit < end; unit++) {
    const b = unit / blocks;
    const first = (unit % blocks) * CHANNELS;
    const last = min(first + CHANNELS, inner);
    const rowB = at(B, b * state);
    const rowC = at(C, b * state);
    for (let e = first; e < last; e += 4) {
      let d = load4(at(delta, b * inner + e), last - e);
      if (deltaBias) d = f32x4.add(d, load4(at(deltaBias, e), last - e));
      v128.store(at(steps, e - first), deltaSoftplus ? softplus(d) : d);
    }
    for (let e = first; e < last; e += 4) {
      const count = last - e;
      const here = b * inner + e;
      const d = v128.load(at(steps, e - first));
      const drive = f32x4.mul(d, load4(at(u, here), count));
      // exp(d · A) = 2^(d · log2 e · A), and the power of two is the cheaper one
      const d2 = f32x4.mul(d, f32x4.splat(LOG2_E));

      const size = (<usize>state) << 2;
      let rates = at(A, e * state);
      let before = at(initialState, here * state);
      let after = at(finalState, here * state);
      const sum0 = channel(rates, rowB, rowC, before, after, size, lane0(d2), lane0(drive));
      let sum1 = sum0, sum2 = sum0, sum3 = sum0;
      if (count > 1) {
        rates += size;
        before += size;
        after += size;
        sum1 = channel(rates, rowB, rowC, before, after, size, lane1(d2), lane1(drive));
      }
      if (count > 2) {
        rates += size;
        before += size;
        after += size;
        sum2 = channel(rates, rowB, rowC, before, after, size, lane2(d2), lane2(drive));
      }
      if (count > 3) {
        rates += size;
        before += size;
        after += size;
        sum3 = channel(rates, rowB, rowC, before, after, size, lane3(d2), lane3(drive));
      }
      v128.store(at(steps, e - first), sums4(sum0, sum1, sum2, sum3));
    }
    for (let e = first; e < last; e += 4) {
      const count = last - e;
      const here = b * inner + e;
      let out = v128.load(at(steps, e - first));
      if (D) out = madd(load4(at(D, e), count), load4(at(u, here), count), out);
      if (z) out = f32x4.mul(out, silu(load4(at(z, here), count)));
      store4(at(y, here), out, count);
    }
  }
}

/** Moves the state of a channel on, `size` bytes; gives `C · h` in four lanes. */
@inline
function channel(
  rates: usize, B: usize, C: usize, before: usize, after: usize, size: usize, d2: v128, drive: v128,
): v128 {
  let sum = f32x4.splat(0);
  for (let n: usize = 0; n < size; n += 16) {
    const decay = exp2Decay(f32x4.mul(d2, v128.load(rates + n)));
    const h = madd(decay, v128.load(before + n), f32x4.mul(drive, v128.load(B + n)));
    v128.store(after + n, h);
    sum = madd(v128.load(C + n), h, sum);
  }
  return sum;
}
