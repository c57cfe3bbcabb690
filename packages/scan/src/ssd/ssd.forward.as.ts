/**
 * SSD as a recurrence, one pass over time, for single tokens and short sequences; `ssd.chunked.as.ts` has the long ones. A
 * unit is a head of one sequence. Four channels are computed at once, a lane each, and the sum over the state runs in order
 * within a lane; sixteen channels share the loads of `B` and `C`. The head's state, turned to `state channel` for every four
 * channels, stays in scratch: 32 KiB for the 64 channels and 128 states of Mamba-2. Step sizes and decays are computed for
 * 32 steps at a time, so their exponentials are one in `headDim · state` and cost next to nothing.
 *
 * Work: three multiply-adds for each `batch · time · heads · headDim · state`; memory traffic is that of the inputs and
 * outputs, with `B` and `C` once a head.
 */
import { fromLanes, toLanes } from "../../../wasm/src/snippets/lanes.as.ts";
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4 } from "../../../wasm/src/snippets/memory.as.ts";
import { finish, stepSizes } from "./ssd.steps.as.ts";

/** Steps whose sizes are computed together. */
const CHUNK = 32;

export function ssdForward(
  begin: i32, end: i32, scratch: usize,
  time: i32, heads: i32, headDim: i32, groups: i32, state: i32,
  u: usize, delta: usize, A: usize, B: usize, C: usize,
  D: usize, channelD: usize, z: usize, deltaBias: usize, logDecay: usize,
  initialState: usize, mask: usize, seqIdx: usize,
  y: usize, finalState: usize,
  deltaSoftplus: i32, deltaMin: i32, deltaMax: i32,
): void {
  const size = ((headDim + 3) & ~3) * state;
  const steps = scratch;
  const decays = at(steps, CHUNK);
  const h = at(decays, CHUNK);
  const lowest = f32x4.splat(reinterpret<f32>(deltaMin));
  const highest = f32x4.splat(reinterpret<f32>(deltaMax));
  const zero = f32x4.splat(0);

  for (let unit = begin; unit < end; unit++) {
    const b = unit / heads;
    const head = unit % heads;
    const matrix = unit * headDim * state;
    const group = head / (heads / groups);
    const skip = D ? at(D, head) : 0;
    const skips = channelD ? at(channelD, head * headDim) : 0;
    let started = false;
    let sequence = 0;

    if (initialState) toLanes(at(initialState, matrix), h, headDim, state, state);
    else memory.fill(h, 0, (<usize>size) << 2);

    for (let t = 0; t < time; t++) {
      const row = b * time + t;
      const first = row * heads + head;
      const place = t % CHUNK;
      if (place == 0) {
        stepSizes(
          delta, deltaBias ? at(deltaBias, head) : 0, logDecay, at(A, head), first, heads, min(time - t, CHUNK),
          deltaSoftplus, lowest, highest, steps, decays,
        );
      }

      const here = first * headDim;
      if (mask != 0 && load<i32>(at(mask, row)) == 0) {
        memory.fill(at(y, here), 0, (<usize>headDim) << 2);
        continue;
      }
      if (seqIdx) {
        const id = load<i32>(at(seqIdx, row));
        if (started && id != sequence) memory.fill(h, 0, (<usize>size) << 2);
        sequence = id;
        started = true;
      }

      const d = v128.load_splat<f32>(at(steps, place));
      const decay = v128.load_splat<f32>(at(decays, place));
      const vector = (row * groups + group) * state;
      const Bt = at(B, vector);
      const Ct = at(C, vector);
      let p = 0;
      for (; p + 16 <= headDim; p += 16) {
        const from = at(u, here + p);
        const u0 = v128.load(from);
        const u1 = v128.load(from, 16);
        const u2 = v128.load(from, 32);
        const u3 = v128.load(from, 48);
        let out0 = zero;
        let out1 = zero;
        let out2 = zero;
        let out3 = zero;
        const drive0 = f32x4.mul(d, u0);
        const drive1 = f32x4.mul(d, u1);
        const drive2 = f32x4.mul(d, u2);
        const drive3 = f32x4.mul(d, u3);
        const four = (<usize>state) << 4; // bytes of the state of four channels
        let h0 = at(h, p * state);
        for (let n = 0; n < state; n++) {
          const Bn = v128.load_splat<f32>(at(Bt, n));
          const Cn = v128.load_splat<f32>(at(Ct, n));
          const h1 = h0 + four;
          const h2 = h1 + four;
          const h3 = h2 + four;
          out0 = madd(Cn, advance(h0, decay, drive0, Bn), out0);
          out1 = madd(Cn, advance(h1, decay, drive1, Bn), out1);
          out2 = madd(Cn, advance(h2, decay, drive2, Bn), out2);
          out3 = madd(Cn, advance(h3, decay, drive3, Bn), out3);
          h0 += 16;
        }
        finish(out0, u0, skip, skips, z, y, here, p, headDim);
        finish(out1, u1, skip, skips, z, y, here, p + 4, headDim);
        finish(out2, u2, skip, skips, z, y, here, p + 8, headDim);
        finish(out3, u3, skip, skips, z, y, here, p + 12, headDim);
      }
      for (; p < headDim; p += 4) {
        const input = load4(at(u, here + p), headDim - p);
        const drive = f32x4.mul(d, input);
        let out = zero;
        let hn = at(h, p * state);
        for (let n = 0; n < state; n++) {
          const next = advance(hn, decay, drive, v128.load_splat<f32>(at(Bt, n)));
          out = madd(v128.load_splat<f32>(at(Ct, n)), next, out);
          hn += 16;
        }
        finish(out, input, skip, skips, z, y, here, p, headDim);
      }
    }
    fromLanes(h, at(finalState, matrix), headDim, state, state);
  }
}

/** Replaces the state at `h` by `decay · h + drive · B`. */
@inline
function advance(h: usize, decay: v128, drive: v128, B: v128): v128 {
  const next = madd(decay, v128.load(h), f32x4.mul(drive, B));
  v128.store(h, next);
  return next;
}
