/**
 * The gradient's way through a chunk, forward and back, of four channels with a lane each. Rows of `B` and `C` and the sums of
 * their gradients are in lanes too; those of a step and the next lie `apartB` or `apartC` elements apart, 0 where they are
 * constant.
 */
import { exp2Decay } from "../../../wasm/src/snippets/exp.as.ts";
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { sigmoid } from "../../../wasm/src/snippets/sigmoid.as.ts";
import { BEGINNING, ORDINARY, PADDING } from "./step-kind.as.ts";

const LOG2_E: f32 = 1.4426950408889634;

/** States of four channels after every step, from the one that `states` begins with, and every decay. */
export function advance(
  states: usize, decays: usize, steps: usize, zeros: usize, rates: usize, u: usize, B: usize, apartB: i32, kinds: usize,
  inner: i32, state: i32, count: i32, length: i32,
): void {
  const vectors = (<usize>state) << 4;
  for (let t = 0; t < length; t++, states += vectors, decays += vectors) {
    const kind = kinds ? load<i32>(at(kinds, t)) : ORDINARY;
    if (kind == PADDING) {
      memory.copy(states + vectors, states, vectors);
      continue;
    }
    const before = kind == BEGINNING ? zeros : states;
    const d = v128.load(at(steps, t * 4));
    const drive = f32x4.mul(d, load4(at(u, t * inner), count));
    // exp(d · A) = 2^(d · log2 e · A), and the power of two is the cheaper one
    const d2 = f32x4.mul(d, f32x4.splat(LOG2_E));
    const Bt = at(B, t * apartB);
    let n = 0;
    let place: usize = 0;
    // two at a time, as they share the constants of the power of two
    for (; n + 2 <= state; n += 2, place += 32) {
      const decay = exp2Decay(f32x4.mul(d2, v128.load(rates + place)));
      const decay1 = exp2Decay(f32x4.mul(d2, v128.load(rates + place, 16)));
      v128.store(decays + place, decay);
      v128.store(decays + place, decay1, 16);
      const input = f32x4.mul(drive, v128.load(Bt + place));
      const input1 = f32x4.mul(drive, v128.load(Bt + place, 16));
      v128.store(states + place + vectors, madd(decay, v128.load(before + place), input));
      v128.store(states + place + vectors, madd(decay1, v128.load(before + place, 16), input1), 16);
    }
    if (n < state) {
      const decay = exp2Decay(f32x4.mul(d2, v128.load(rates + place)));
      const input = f32x4.mul(drive, v128.load(Bt + place));
      v128.store(decays + place, decay);
      v128.store(states + place + vectors, madd(decay, v128.load(before + place), input));
    }
  }
}

/** Walks four channels back through a chunk; adds to the sums, and overwrites `chunkSums` with what `dA` gets of it. */
export function retreat(
  states: usize, decays: usize, steps: usize, slopes: usize, zeros: usize, rates: usize, g: usize,
  chunkSums: usize, sumsB: usize, sumsC: usize, skipSum: usize, biasSum: usize,
  u: usize, B: usize, C: usize, apartB: i32, apartC: i32, D: usize, z: usize, kinds: usize, dy: usize,
  du: usize, ddelta: usize, dz: usize, inner: i32, state: i32, count: i32, length: i32,
): void {
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  const vectors = (<usize>state) << 4;
  const skip = D ? load4(D, count) : zero;
  let skips = zero;
  let biases = zero;
  memory.fill(chunkSums, 0, vectors);
  for (let t = length - 1; t >= 0; t--) {
    const here = t * inner;
    const kind = kinds ? load<i32>(at(kinds, t)) : ORDINARY;
    if (kind == PADDING) {
      store4(at(du, here), zero, count);
      store4(at(ddelta, here), zero, count);
      store4(at(dz, here), zero, count);
      continue;
    }
    const d = v128.load(at(steps, t * 4));
    const input = load4(at(u, here), count);
    const drive = f32x4.mul(d, input);
    const upstream = dy ? load4(at(dy, here), count) : zero;
    let dout = upstream;
    let gateSlope = zero;
    if (z) {
      const gate = load4(at(z, here), count);
      const s = sigmoid(gate);
      dout = f32x4.mul(upstream, f32x4.mul(gate, s));
      gateSlope = f32x4.mul(s, madd(gate, f32x4.sub(one, s), one));
    }
    let out = f32x4.mul(skip, input);
    let alongB = zero; // sum over the state of g · B
    let alongA = zero; // and of g · decay · A · the state before
    const Bt = at(B, t * apartB);
    const Ct = at(C, t * apartC);
    const sumsBt = at(sumsB, t * apartB);
    const sumsCt = at(sumsC, t * apartC);
    const row = vectors * <usize>t;
    const before = kind == BEGINNING ? zeros : states + row;
    for (let n = 0; n < state; n++) {
      const place = (<usize>n) << 4;
      const here = row + place;
      const after = v128.load(states + here + vectors);
      const c = v128.load(Ct + place);
      out = madd(c, after, out);
      v128.store(sumsCt + place, madd(dout, after, v128.load(sumsCt + place)));
      const gn = madd(dout, c, v128.load(g + place));
      v128.store(sumsBt + place, madd(gn, drive, v128.load(sumsBt + place)));
      alongB = madd(gn, v128.load(Bt + place), alongB);
      const carried = f32x4.mul(gn, v128.load(decays + here));
      v128.store(g + place, carried);
      const slope = f32x4.mul(carried, v128.load(before + place));
      v128.store(chunkSums + place, madd(slope, d, v128.load(chunkSums + place)));
      alongA = madd(slope, v128.load(rates + place), alongA);
    }
    if (kind == BEGINNING) memory.fill(g, 0, vectors);
    const dstep = f32x4.mul(madd(alongB, input, alongA), v128.load(at(slopes, t * 4)));
    store4(at(du, here), madd(dout, skip, f32x4.mul(d, alongB)), count);
    store4(at(ddelta, here), dstep, count);
    store4(at(dz, here), z ? f32x4.mul(f32x4.mul(upstream, out), gateSlope) : zero, count);
    skips = madd(dout, input, skips);
    biases = f32x4.add(biases, dstep);
  }
  v128.store(skipSum, f32x4.add(v128.load(skipSum), skips));
  v128.store(biasSum, f32x4.add(v128.load(biasSum), biases));
}
