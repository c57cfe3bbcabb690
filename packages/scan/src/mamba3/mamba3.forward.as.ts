/**
 * Mamba-3 as a recurrence, one pass over time for any number of tokens. A unit is a head of one sequence. The head's
 * state, turned to `state channel` for every four channels, stays in scratch: 32 KiB for 64 channels and 128 states.
 * Four channels are computed at once, a lane each; each rank goes over their state once to add to it and once to read it,
 * with four sums that are added in order.
 *
 * Work: `1 + 3 · rank` multiply-adds for each `batch · time · heads · headDim · state`, and a tanh, a sine and a cosine
 * for each pair of a head; memory traffic is that of the inputs and outputs, with `B` and `C` once a head.
 */
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { fromLanes, toLanes } from "../../../wasm/src/snippets/lanes.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { silu } from "../../../wasm/src/snippets/sigmoid.as.ts";
import { advance, copyRows, makeToken, read } from "./head.as.ts";

export function mamba3Forward(
  begin: i32, end: i32, scratch: usize,
  time: i32, heads: i32, headDim: i32, rank: i32, groups: i32, state: i32, pairs: i32,
  x: usize, B: usize, C: usize, logDecay: usize, delta: usize, trap: usize, angles: usize,
  BBias: usize, CBias: usize, D: usize, z: usize, xProjection: usize, zProjection: usize, yProjection: usize,
  normWeight: usize, initialState: usize, initialB: usize, initialX: usize, initialAngle: usize,
  mask: usize, seqIdx: usize,
  y: usize, finalState: usize, finalB: usize, finalX: usize, finalAngle: usize,
  halved: i32, wrapAngles: i32, trapSigmoid: i32, normEps: i32,
): void {
  const padded = (headDim + 3) & ~3; // channels, to whole vectors
  const channels = rank * padded;
  const vectors = rank * state;
  const theta = scratch; // in 64 bits, to whole fours
  const h = theta + ((<usize>((pairs + 3) & ~3)) << 3);
  let xt = at(h, padded * state);
  let xLast = at(xt, channels);
  const out = at(xLast, channels);
  let Bt = at(out, channels);
  let BLast = at(Bt, vectors);
  const Ct = at(BLast, vectors);
  const cosines = at(Ct, vectors);
  const sines = at(cosines, (pairs + 3) & ~3);
  const all = Ct - theta; // bytes of what a sequence starts from, and some more

  for (let unit = begin; unit < end; unit++) {
    const b = unit / heads;
    const head = unit % heads;
    const own = head * rank * headDim; // of the head's projections
    let started = false;
    let sequence = 0;

    memory.fill(scratch, 0, all);
    if (initialState) toLanes(at(initialState, unit * headDim * state), h, headDim, state, state);
    if (initialB) memory.copy(BLast, at(initialB, unit * vectors), (<usize>vectors) << 2);
    if (initialX) copyRows(at(initialX, unit * rank * headDim), headDim, xLast, padded, rank, headDim);
    if (initialAngle) {
      for (let i = 0; i < pairs; i++) store<f64>(theta + ((<usize>i) << 3), load<f32>(at(initialAngle, unit * pairs + i)));
    }

    for (let t = 0; t < time; t++) {
      const row = b * time + t;
      const first = row * heads + head;
      const here = first * headDim;
      if (mask != 0 && load<i32>(at(mask, row)) == 0) {
        memory.fill(at(y, here), 0, (<usize>headDim) << 2);
        continue;
      }
      if (seqIdx) {
        const id = load<i32>(at(seqIdx, row));
        if (started && id != sequence) memory.fill(scratch, 0, all);
        sequence = id;
        started = true;
      }

      const d = load<f32>(at(delta, first));
      const decay = Mathf.exp(load<f32>(at(logDecay, first)));
      const raw = load<f32>(at(trap, first));
      const lambda = trapSigmoid ? <f32>1 / (<f32>1 + Mathf.exp(-raw)) : raw;
      const weightLast = f32x4.splat((<f32>1 - lambda) * d * decay);
      const weight = f32x4.splat(lambda * d);

      makeToken(
        row, head, heads, headDim, rank, groups, state, pairs, x, B, C, angles, BBias, CBias, xProjection,
        d, wrapAngles, halved, theta, cosines, sines, xt, Bt, Ct,
      );

      for (let p = 0; p < padded; p += 4) {
        const hp = at(h, p * state);
        let keep = f32x4.splat(decay);
        for (let r = 0; r < rank; r++) {
          const before = f32x4.mul(weightLast, v128.load(at(xLast, r * padded + p)));
          const after = f32x4.mul(weight, v128.load(at(xt, r * padded + p)));
          advance(hp, hp, keep, before, at(BLast, r * state), after, at(Bt, r * state), state);
          keep = f32x4.splat(1);
        }
        for (let r = 0; r < rank; r++) {
          let o = read(hp, at(Ct, r * state), state);
          if (D) o = madd(v128.load_splat<f32>(at(D, head)), v128.load(at(xt, r * padded + p)), o);
          v128.store(at(out, r * padded + p), o);
        }
      }
      if (normWeight) normalise(out, at(normWeight, head * headDim), rank, headDim, padded, reinterpret<f32>(normEps));
      finish(out, z ? at(z, here) : 0, zProjection ? at(zProjection, own) : 0, yProjection ? at(yProjection, own) : 0, at(y, here), rank, headDim, padded);

      // what is this step's is the last step's of the next
      const xSpare = xLast;
      xLast = xt;
      xt = xSpare;
      const BSpare = BLast;
      BLast = Bt;
      Bt = BSpare;
    }
    fromLanes(h, at(finalState, unit * headDim * state), headDim, state, state);
    memory.copy(at(finalB, unit * vectors), BLast, (<usize>vectors) << 2);
    copyRows(xLast, padded, at(finalX, unit * rank * headDim), headDim, rank, headDim);
    for (let i = 0; i < pairs; i++) store<f32>(at(finalAngle, unit * pairs + i), <f32>load<f64>(theta + ((<usize>i) << 3)));
  }
}

/** Brings the output of every rank to a root mean square of 1, times `weight`; sums in 64 bits. */
function normalise(out: usize, weight: usize, rank: i32, headDim: i32, padded: i32, eps: f32): void {
  for (let r = 0; r < rank; r++) {
    let squares: f64 = 0;
    for (let p = 0; p < headDim; p++) {
      const value = <f64>load<f32>(at(out, r * padded + p));
      squares += value * value;
    }
    const scale = f32x4.splat(<f32>(1 / Math.sqrt(squares / <f64>headDim + <f64>eps)));
    for (let p = 0; p < headDim; p += 4) {
      const place = at(out, r * padded + p);
      v128.store(place, f32x4.mul(f32x4.mul(v128.load(place), scale), load4(at(weight, p), headDim - p)));
    }
  }
}

/** Gates the output of every rank, projects it, and stores the sum. */
function finish(
  out: usize, z: usize, zProjection: usize, yProjection: usize, y: usize, rank: i32, headDim: i32, padded: i32,
): void {
  for (let p = 0; p < headDim; p += 4) {
    const count = headDim - p;
    let sum = f32x4.splat(0);
    for (let r = 0; r < rank; r++) {
      let o = v128.load(at(out, r * padded + p));
      if (z) {
        let gate = load4(at(z, p), count);
        if (zProjection) gate = f32x4.mul(gate, load4(at(zProjection, r * headDim + p), count));
        o = f32x4.mul(o, silu(gate));
      }
      sum = yProjection ? madd(o, load4(at(yProjection, r * headDim + p), count), sum) : f32x4.add(o, sum);
    }
    store4(at(y, p), sum, count);
  }
}
