/**
 * The gradient's way through a chunk in real numbers, forward and back, of four channels with a lane each. Rows of `B` and `C`
 * and the sums of their gradients are in lanes too; those of a step and the next lie `apartB` or `apartC` elements apart, 0
 * where they are constant.
 */
import { exp2Decays, peakOf } from "../../../wasm/src/snippets/exp.as.ts";
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { sigmoid } from "../../../wasm/src/snippets/sigmoid.as.ts";
import { BEGINNING, ORDINARY, PADDING } from "./step-kind.as.ts";

const LOG2_E: f32 = 1.4426950408889634;

/** States of four channels after every step, from the one that `states` begins with, and every decay. */
export function advanceReal(
  states: usize, decays: usize, steps: usize, zeros: usize, rates: usize, u: usize, B: usize, apartB: i32, kinds: usize,
  inner: i32, width: i32, count: i32, length: i32,
): void {
  const vectors = (<usize>width) << 4;
  const peak = peakOf(rates, width);
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
    exp2Decays(f32x4.mul(d, f32x4.splat(LOG2_E)), rates, width, peak, decays);
    const Bt = at(B, t * apartB);
    const after = states + vectors;
    let place: usize = 0;
    for (; place + 64 <= vectors; place += 64) {
      const b = Bt + place, h = before + place, decay = decays + place, to = after + place;
      v128.store(to, madd(v128.load(decay), v128.load(h), f32x4.mul(drive, v128.load(b))));
      v128.store(to, madd(v128.load(decay, 16), v128.load(h, 16), f32x4.mul(drive, v128.load(b, 16))), 16);
      v128.store(to, madd(v128.load(decay, 32), v128.load(h, 32), f32x4.mul(drive, v128.load(b, 32))), 32);
      v128.store(to, madd(v128.load(decay, 48), v128.load(h, 48), f32x4.mul(drive, v128.load(b, 48))), 48);
    }
    for (; place < vectors; place += 16) {
      const input = f32x4.mul(drive, v128.load(Bt + place));
      v128.store(after + place, madd(v128.load(decays + place), v128.load(before + place), input));
    }
  }
}

/** Walks four channels back through a chunk; adds to the sums, and overwrites `chunkSums` with what `dA` gets of it. */
export function retreatReal(
  states: usize, decays: usize, steps: usize, slopes: usize, zeros: usize, rates: usize, g: usize,
  chunkSums: usize, sumsB: usize, sumsC: usize, skipSum: usize, biasSum: usize,
  u: usize, B: usize, C: usize, apartB: i32, apartC: i32, D: usize, z: usize, kinds: usize, dy: usize,
  du: usize, ddelta: usize, dz: usize, inner: i32, width: i32, count: i32, length: i32,
): void {
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  const vectors = (<usize>width) << 4;
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
    const after = states + row + vectors;
    const decay = decays + row;
    for (let place: usize = 0; place < vectors; place += 16) {
      const h = v128.load(after + place);
      const c = v128.load(Ct + place);
      out = madd(c, h, out);
      addProduct(sumsCt + place, dout, h);
      const gn = madd(dout, c, v128.load(g + place));
      addProduct(sumsBt + place, gn, drive);
      alongB = madd(gn, v128.load(Bt + place), alongB);
      const carried = f32x4.mul(gn, v128.load(decay + place));
      v128.store(g + place, carried);
      const slope = f32x4.mul(carried, v128.load(before + place));
      addProduct(chunkSums + place, slope, d);
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

/** Adds `a · b` to a vector. */
@inline
function addProduct(to: usize, a: v128, b: v128): void {
  v128.store(to, madd(a, b, v128.load(to)));
}
