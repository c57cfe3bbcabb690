/**
 * The gradient's way through a chunk in complex numbers, as `selective-scan.real.as.ts` has it in real ones. The real parts of four
 * channels are a vector, and the imaginary parts the next.
 */
import { polarTo } from "../../../wasm/src/snippets/angle.as.ts";
import { exp2Decay } from "../../../wasm/src/snippets/exp.as.ts";
import { madd, nmadd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { sigmoid } from "../../../wasm/src/snippets/sigmoid.as.ts";
import { BEGINNING, ORDINARY, PADDING } from "./step-kind.as.ts";

const LOG2_E: f32 = 1.4426950408889634;

/** States of four channels after every step, from the one that `states` begins with, and every decay. */
export function advanceComplex(
  states: usize, decays: usize, steps: usize, zeros: usize, rates: usize, u: usize, B: usize, apartB: i32, kinds: usize,
  inner: i32, width: i32, count: i32, length: i32,
): void {
  const vectors = (<usize>width) << 4;
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
    for (let place: usize = 0; place < vectors; place += 32) {
      const decay = decays + place;
      polarTo(decay, exp2Decay(f32x4.mul(d2, v128.load(rates + place))), d, v128.load(rates + place, 16));
      const re = v128.load(before + place);
      const im = v128.load(before + place, 16);
      const inputRe = f32x4.mul(drive, v128.load(Bt + place));
      const inputIm = f32x4.mul(drive, v128.load(Bt + place, 16));
      v128.store(states + place + vectors, madd(v128.load(decay), re, nmadd(v128.load(decay, 16), im, inputRe)));
      v128.store(states + place + vectors, madd(v128.load(decay), im, madd(v128.load(decay, 16), re, inputIm)), 16);
    }
  }
}

/** Walks four channels back through a chunk; adds to the sums, and overwrites `chunkSums` with what `dA` gets of it. */
export function retreatComplex(
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
    const dout2 = f32x4.add(dout, dout);
    let sum = zero; // half of what the state gives
    for (let place: usize = 0; place < vectors; place += 32) {
      const here = row + place;
      const afterRe = v128.load(states + here + vectors);
      const afterIm = v128.load(states + here + vectors, 16);
      const cRe = v128.load(Ct + place);
      const cIm = v128.load(Ct + place, 16);
      sum = madd(cRe, afterRe, nmadd(cIm, afterIm, sum));
      addProduct(sumsCt + place, dout2, afterRe);
      v128.store(sumsCt + place, nmadd(dout2, afterIm, v128.load(sumsCt + place, 16)), 16);
      const re = madd(dout2, cRe, v128.load(g + place));
      const im = nmadd(dout2, cIm, v128.load(g + place, 16));
      addProduct(sumsBt + place, re, drive);
      addProduct(sumsBt + place + 16, im, drive);
      alongB = madd(re, v128.load(Bt + place), madd(im, v128.load(Bt + place, 16), alongB));
      const decayRe = v128.load(decays + here);
      const decayIm = v128.load(decays + here, 16);
      const carriedRe = madd(decayRe, re, f32x4.mul(decayIm, im));
      const carriedIm = nmadd(decayIm, re, f32x4.mul(decayRe, im));
      v128.store(g + place, carriedRe);
      v128.store(g + place, carriedIm, 16);
      const beforeRe = v128.load(before + place);
      const beforeIm = v128.load(before + place, 16);
      const slopeRe = madd(carriedRe, beforeRe, f32x4.mul(carriedIm, beforeIm));
      const slopeIm = nmadd(carriedRe, beforeIm, f32x4.mul(carriedIm, beforeRe));
      addProduct(chunkSums + place, slopeRe, d);
      addProduct(chunkSums + place + 16, slopeIm, d);
      alongA = madd(slopeRe, v128.load(rates + place), madd(slopeIm, v128.load(rates + place, 16), alongA));
    }
    out = madd(f32x4.splat(2), sum, out);
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
