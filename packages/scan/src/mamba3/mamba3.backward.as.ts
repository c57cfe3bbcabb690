/**
 * Gradient of Mamba-3 by recomputation. A unit is a head of one sequence. It goes forward once and keeps, before every 16
 * steps, the state and what else a step needs of the one before; then, chunk by chunk from the last, it goes forward again with
 * every state of the chunk in scratch, and walks back. Four channels are computed at once, a lane each.
 *
 * What several heads or sequences add to, `B`, `C`, biases and projections, is written to the workspace for each and added up by
 * `sumRows` in passes of their own, in an order that sizes alone decide.
 *
 * Work: `5 + 12 · rank` multiply-adds for each `batch · time · heads · headDim · state`. Memory beside inputs and outputs: `8 · rank · heads ·
 * state / groups · groups` bytes a step in the workspace, and in each thread's scratch `4 · headDim · state · (time / 16 + 19)`: at 64
 * channels, 128 states and 4096 steps 9 MB.
 */
import { fromLanes, toLanes } from "../../../wasm/src/snippets/lanes.as.ts";
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { sums4 } from "../../../wasm/src/snippets/sum.as.ts";
import { tanh } from "../../../wasm/src/snippets/tanh.as.ts";
import { advance, copyRows, makeToken, read } from "./head.as.ts";
import { outputBack } from "./output-back.as.ts";
import { turnBack } from "./turn.as.ts";

const CHUNK = 16;

// what a step does, in its record, which goes on with its decay, the token's share of the trapezoid and the step size
const PADDING = 0;
const ORDINARY = 1;
const BEGINNING = 2;

export function mamba3Backward(
  begin: i32, end: i32, scratch: usize,
  batch: i32, time: i32, heads: i32, headDim: i32, rank: i32, groups: i32, state: i32, pairs: i32,
  x: usize, B: usize, C: usize, logDecay: usize, delta: usize, trap: usize, angles: usize,
  BBias: usize, CBias: usize, D: usize, z: usize, xProjection: usize, zProjection: usize, yProjection: usize,
  normWeight: usize, initialState: usize, initialB: usize, initialX: usize, initialAngle: usize,
  mask: usize, seqIdx: usize,
  dy: usize, dfinalState: usize, dfinalB: usize, dfinalX: usize, dfinalAngle: usize,
  dx: usize, dlogDecay: usize, ddelta: usize, dtrap: usize, dangles: usize, dz: usize,
  dinitialState: usize, dinitialB: usize, dinitialX: usize, dinitialAngle: usize,
  workspace: usize, flags: i32, normEps: i32,
): void {
  const halved = flags & 1;
  const trapSigmoid = flags & 2;
  const padded = (headDim + 3) & ~3;
  const turns = (pairs + 3) & ~3;
  const channels = rank * padded;
  const vectors = rank * state;
  const size = padded * state;
  const chunks = (time + CHUNK - 1) / CHUNK;
  const perGroup = heads / groups;
  const steps = batch * time;

  // what a step needs of the one before: theta in 64 bits, the state, B and x; a record of it before every chunk
  const carried = 2 * turns + size + vectors + channels;
  const theta = scratch;
  const states = at(theta, 2 * turns);
  const Bs = at(states, (CHUNK + 1) * size);
  const xs = at(Bs, (CHUNK + 1) * vectors);
  const Cs = at(xs, (CHUNK + 1) * channels);
  const outs = at(Cs, CHUNK * vectors);
  const cosines = at(outs, CHUNK * channels);
  const sines = at(cosines, CHUNK * turns);
  const records = at(sines, CHUNK * turns);
  const g = at(records, CHUNK * 4);
  let gB = at(g, size);
  let gX = at(gB, vectors);
  const gTheta = at(gX, channels);
  let gBLast = at(gTheta, turns);
  let gXLast = at(gBLast, vectors);
  const dout = at(gXLast, channels);
  const dC = at(dout, channels);
  const lanesB = at(dC, vectors); // sums over channels, a lane each
  const lanesC = at(lanesB, 4 * vectors);
  const lanesLast = at(lanesC, 4 * vectors);
  // sums over the chunk, then the same over all steps: biases of B and C, projections of x, z and y, the norm's weight, D
  const summed = 2 * vectors + 3 * channels + padded + 4;
  const sums = at(lanesLast, 4 * vectors);
  const totals = at(sums, summed);
  const nothing = at(totals, summed); // a state, B and x of zeros
  const borders = at(nothing, size + vectors + channels);

  const sumCBias = at(sums, vectors);
  const sumX = at(sumCBias, vectors);
  const sumZ = at(sumX, channels);
  const sumY = at(sumZ, channels);
  const sumNorm = at(sumY, channels);
  const sumD = at(sumNorm, padded);

  const partialB = workspace;
  const partialC = at(partialB, steps * vectors * heads);
  const partialBBias = at(partialC, steps * vectors * heads);
  const partialCBias = at(partialBBias, batch * heads * vectors);
  const partialX = at(partialCBias, batch * heads * vectors);
  const partialZ = at(partialX, batch * heads * rank * headDim);
  const partialY = at(partialZ, batch * heads * rank * headDim);
  const partialNorm = at(partialY, batch * heads * rank * headDim);
  const partialD = at(partialNorm, batch * heads * headDim);

  for (let unit = begin; unit < end; unit++) {
    const b = unit / heads;
    const head = unit % heads;
    const group = head / perGroup;
    const own = head * rank * headDim; // of the head's projections

    memory.fill(borders, 0, (<usize>carried) << 2);
    memory.fill(nothing, 0, (<usize>(size + vectors + channels)) << 2);
    const h0 = at(borders, 2 * turns);
    if (initialState) toLanes(at(initialState, unit * headDim * state), h0, headDim, state, state);
    if (initialB) memory.copy(at(h0, size), at(initialB, unit * vectors), (<usize>vectors) << 2);
    if (initialX) copyRows(at(initialX, unit * rank * headDim), headDim, at(h0, size + vectors), padded, rank, headDim);
    if (initialAngle) {
      for (let i = 0; i < pairs; i++) store<f64>(borders + ((<usize>i) << 3), load<f32>(at(initialAngle, unit * pairs + i)));
    }
    memory.fill(g, 0, (<usize>size) << 2);
    memory.fill(gB, 0, (<usize>vectors) << 2);
    memory.fill(gX, 0, (<usize>channels) << 2);
    memory.fill(gTheta, 0, (<usize>turns) << 2);
    if (dfinalState) toLanes(at(dfinalState, unit * headDim * state), g, headDim, state, state);
    if (dfinalB) memory.copy(gB, at(dfinalB, unit * vectors), (<usize>vectors) << 2);
    if (dfinalX) copyRows(at(dfinalX, unit * rank * headDim), headDim, gX, padded, rank, headDim);
    if (dfinalAngle) memory.copy(gTheta, at(dfinalAngle, unit * pairs), (<usize>pairs) << 2);
    memory.fill(totals, 0, (<usize>summed) << 2);
    let carry: f32 = 1; // what g has still to be multiplied with

    for (let visit = 0; visit < 2 * chunks - 1; visit++) {
      // forward through all chunks but the last, then back from the last
      const back = visit >= chunks - 1;
      const chunk = back ? 2 * (chunks - 1) - visit : visit;
      const begins = chunk * CHUNK;
      const length = min(CHUNK, time - begins);
      const border = at(borders, chunk * carried);
      memory.copy(theta, border, (<usize>(2 * turns + size)) << 2);
      memory.copy(Bs, at(border, 2 * turns + size), (<usize>vectors) << 2);
      memory.copy(xs, at(border, 2 * turns + size + vectors), (<usize>channels) << 2);

      for (let t = 0; t < length; t++) {
        const row = b * time + begins + t;
        const first = row * heads + head;
        const record = at(records, t * 4);
        let before = at(states, t * size);
        const after = at(before, size);
        let BLast = at(Bs, t * vectors);
        const Bt = at(BLast, vectors);
        let xLast = at(xs, t * channels);
        const xt = at(xLast, channels);
        const kind = kindOf(mask, seqIdx, b * time, begins + t);
        store<i32>(record, kind);
        if (kind == PADDING) {
          memory.copy(after, before, (<usize>size) << 2);
          memory.copy(Bt, BLast, (<usize>vectors) << 2);
          memory.copy(xt, xLast, (<usize>channels) << 2);
          continue;
        }
        if (kind == BEGINNING) {
          memory.fill(theta, 0, (<usize>turns) << 3);
          before = nothing;
          BLast = at(nothing, size);
          xLast = at(BLast, vectors);
        }
        const d = load<f32>(at(delta, first));
        const decay = Mathf.exp(load<f32>(at(logDecay, first)));
        const raw = load<f32>(at(trap, first));
        const lambda = trapSigmoid ? <f32>1 / (<f32>1 + Mathf.exp(-raw)) : raw;
        store<f32>(record, decay, 4);
        store<f32>(record, lambda, 8);
        store<f32>(record, d, 12);
        const Ct = at(Cs, t * vectors);
        makeToken(
          row, head, heads, headDim, rank, groups, state, pairs, x, B, C, angles, BBias, CBias, xProjection,
          d, 1, halved, theta, at(cosines, t * turns), at(sines, t * turns), xt, Bt, Ct,
        );
        const weightLast = f32x4.splat((<f32>1 - lambda) * d * decay);
        const weight = f32x4.splat(lambda * d);
        for (let p = 0; p < padded; p += 4) {
          const to = at(after, p * state);
          let from = at(before, p * state);
          let keep = f32x4.splat(decay);
          for (let r = 0; r < rank; r++) {
            const old = f32x4.mul(weightLast, v128.load(at(xLast, r * padded + p)));
            const fresh = f32x4.mul(weight, v128.load(at(xt, r * padded + p)));
            advance(from, to, keep, old, at(BLast, r * state), fresh, at(Bt, r * state), state);
            from = to;
            keep = f32x4.splat(1);
          }
          if (!back) continue;
          for (let r = 0; r < rank; r++) {
            let o = read(to, at(Ct, r * state), state);
            if (D) o = madd(v128.load_splat<f32>(at(D, head)), v128.load(at(xt, r * padded + p)), o);
            v128.store(at(outs, t * channels + r * padded + p), o);
          }
        }
      }

      if (!back) {
        const next = at(border, carried);
        memory.copy(next, theta, (<usize>turns) << 3);
        memory.copy(at(next, 2 * turns), at(states, length * size), (<usize>size) << 2);
        memory.copy(at(next, 2 * turns + size), at(Bs, length * vectors), (<usize>vectors) << 2);
        memory.copy(at(next, 2 * turns + size + vectors), at(xs, length * channels), (<usize>channels) << 2);
        continue;
      }

      memory.fill(sums, 0, (<usize>summed) << 2);
      for (let t = length - 1; t >= 0; t--) {
        const row = b * time + begins + t;
        const first = row * heads + head;
        const here = first * headDim;
        const record = at(records, t * 4);
        const kind = load<i32>(record);
        if (kind == PADDING) {
          memory.fill(at(dx, here), 0, (<usize>headDim) << 2);
          memory.fill(at(dz, here), 0, (<usize>headDim) << 2);
          memory.fill(at(dangles, first * pairs), 0, (<usize>pairs) << 2);
          store<f32>(at(dlogDecay, first), 0);
          store<f32>(at(ddelta, first), 0);
          store<f32>(at(dtrap, first), 0);
          memory.fill(dC, 0, (<usize>vectors) << 2);
          scatterVectors(dC, partialB, row, head, heads, groups, rank, state, steps);
          scatterVectors(dC, partialC, row, head, heads, groups, rank, state, steps);
          continue;
        }
        const decay = load<f32>(record, 4);
        const lambda = load<f32>(record, 8);
        const d = load<f32>(record, 12);
        const weightLast = (<f32>1 - lambda) * d * decay;
        const weight = lambda * d;
        let before = at(states, t * size);
        const after = at(before, size);
        let BLast = at(Bs, t * vectors);
        const Bt = at(BLast, vectors);
        let xLast = at(xs, t * channels);
        const xt = at(xLast, channels);
        const Ct = at(Cs, t * vectors);
        if (kind == BEGINNING) {
          before = nothing;
          BLast = at(nothing, size);
          xLast = at(BLast, vectors);
        }

        outputBack(
          at(outs, t * channels), dy ? at(dy, here) : 0, z ? at(z, here) : 0, zProjection ? at(zProjection, own) : 0,
          yProjection ? at(yProjection, own) : 0, normWeight ? at(normWeight, head * headDim) : 0, reinterpret<f32>(normEps),
          rank, headDim, dout, at(dz, here), sumY, sumZ, sumNorm,
        );
        let skips = v128.load(sumD);
        for (let i = 0; i < channels; i += 4) {
          const grad = v128.load(at(dout, i));
          skips = madd(grad, v128.load(at(xt, i)), skips);
          if (D) v128.store(at(gX, i), madd(grad, v128.load_splat<f32>(at(D, head)), v128.load(at(gX, i))));
        }
        v128.store(sumD, skips);

        memory.fill(lanesB, 0, (<usize>(12 * vectors)) << 2); // and lanesC, lanesLast
        let alongDecay = f32x4.splat(0);
        let alongLast = f32x4.splat(0);
        let alongOwn = f32x4.splat(0);
        for (let p = 0; p < padded; p += 4) {
          const gp = at(g, p * state);
          const afterP = at(after, p * state);
          const beforeP = at(before, p * state);
          let keep = f32x4.splat(carry);
          for (let r = 0; r < rank; r++) {
            gather(gp, keep, v128.load(at(dout, r * padded + p)), at(Ct, r * state), afterP, at(lanesC, 4 * r * state), state);
            keep = f32x4.splat(1);
          }
          for (let n = 0; n < 4 * state; n += 4) alongDecay = madd(v128.load(at(gp, n)), v128.load(at(beforeP, n)), alongDecay);
          for (let r = 0; r < rank; r++) {
            const i = r * padded + p;
            const j = r * state;
            const old = v128.load(at(xLast, i));
            const fresh = v128.load(at(xt, i));
            const byLast = spread(gp, at(BLast, j), old, at(lanesLast, 4 * j), state);
            const byOwn = spread(gp, at(Bt, j), fresh, at(lanesB, 4 * j), state);
            alongLast = madd(byLast, old, alongLast);
            alongOwn = madd(byOwn, fresh, alongOwn);
            v128.store(at(gXLast, i), f32x4.mul(byLast, f32x4.splat(weightLast)));
            v128.store(at(gX, i), madd(byOwn, f32x4.splat(weight), v128.load(at(gX, i))));
          }
        }
        carry = decay;
        for (let j = 0; j < vectors; j += 4) {
          const count = vectors - j;
          const ownGrad = madd(lanesSum(lanesB, j), f32x4.splat(weight), load4(at(gB, j), count));
          store4(at(gB, j), ownGrad, count);
          store4(at(gBLast, j), f32x4.mul(lanesSum(lanesLast, j), f32x4.splat(weightLast)), count);
          store4(at(dC, j), lanesSum(lanesC, j), count);
        }
        const byDecay = laneSum(alongDecay);
        const byLast = laneSum(alongLast);
        const byOwn = laneSum(alongOwn);
        const byLambda = (byOwn - byLast * decay) * d;
        store<f32>(at(dtrap, first), trapSigmoid ? byLambda * lambda * (<f32>1 - lambda) : byLambda);
        store<f32>(at(dlogDecay, first), (byDecay + byLast * (<f32>1 - lambda) * d) * decay);
        let dstep = byOwn * lambda + byLast * (<f32>1 - lambda) * decay;

        const cos = at(cosines, t * turns);
        const sin = at(sines, t * turns);
        turnBack(gB, Bt, vectors, state, pairs, halved, cos, sin, gTheta);
        turnBack(dC, Ct, vectors, state, pairs, halved, cos, sin, gTheta);
        scatterVectors(gB, partialB, row, head, heads, groups, rank, state, steps);
        scatterVectors(dC, partialC, row, head, heads, groups, rank, state, steps);
        addTo(sums, gB, vectors);
        addTo(sumCBias, dC, vectors);
        let turned = f32x4.splat(0);
        for (let i = 0; i < pairs; i += 4) {
          const by = tanh(load4(at(angles, first * pairs + i), pairs - i));
          const grad = f32x4.mul(v128.load(at(gTheta, i)), f32x4.splat(<f32>Math.PI));
          turned = madd(grad, by, turned);
          const slope = f32x4.mul(f32x4.sub(f32x4.splat(1), by), f32x4.add(f32x4.splat(1), by));
          store4(at(dangles, first * pairs + i), f32x4.mul(f32x4.mul(grad, f32x4.splat(d)), slope), pairs - i);
        }
        dstep += laneSum(turned);
        store<f32>(at(ddelta, first), dstep);
        for (let p = 0; p < headDim; p += 4) {
          const count = headDim - p;
          const input = load4(at(x, here + p), count);
          let sum = f32x4.splat(0);
          for (let r = 0; r < rank; r++) {
            const grad = v128.load(at(gX, r * padded + p));
            sum = xProjection ? madd(grad, load4(at(xProjection, own + r * headDim + p), count), sum) : f32x4.add(grad, sum);
            const place = at(sumX, r * padded + p);
            v128.store(place, madd(grad, input, v128.load(place)));
          }
          store4(at(dx, here + p), sum, count);
        }

        // what the last token gets of this step is all that it has so far
        const spareB = gB;
        gB = gBLast;
        gBLast = spareB;
        const spareX = gX;
        gX = gXLast;
        gXLast = spareX;
        if (kind == BEGINNING) {
          carry = 1;
          memory.fill(g, 0, (<usize>size) << 2);
          memory.fill(gB, 0, (<usize>vectors) << 2);
          memory.fill(gX, 0, (<usize>channels) << 2);
          memory.fill(gTheta, 0, (<usize>turns) << 2);
        }
      }
      addTo(totals, sums, summed);
    }

    for (let i = 0; i < size; i += 4) v128.store(at(g, i), f32x4.mul(v128.load(at(g, i)), f32x4.splat(carry)));
    fromLanes(g, at(dinitialState, unit * headDim * state), headDim, state, state);
    memory.copy(at(dinitialB, unit * vectors), gB, (<usize>vectors) << 2);
    copyRows(gX, padded, at(dinitialX, unit * rank * headDim), headDim, rank, headDim);
    memory.copy(at(dinitialAngle, unit * pairs), gTheta, (<usize>pairs) << 2);
    const ofX = at(totals, 2 * vectors);
    memory.copy(at(partialBBias, unit * vectors), totals, (<usize>vectors) << 2);
    memory.copy(at(partialCBias, unit * vectors), at(totals, vectors), (<usize>vectors) << 2);
    copyRows(ofX, padded, at(partialX, unit * rank * headDim), headDim, rank, headDim);
    copyRows(at(ofX, channels), padded, at(partialZ, unit * rank * headDim), headDim, rank, headDim);
    copyRows(at(ofX, 2 * channels), padded, at(partialY, unit * rank * headDim), headDim, rank, headDim);
    copyRows(at(ofX, 3 * channels), padded, at(partialNorm, unit * headDim), headDim, 1, headDim);
    store<f32>(at(partialD, unit), laneSum(v128.load(at(ofX, 3 * channels + padded))));
  }
}

/** What step `t` does, of the sequence whose first row is `from`; the step before it is the last that is no padding. */
function kindOf(mask: usize, seqIdx: usize, from: i32, t: i32): i32 {
  if (mask != 0 && load<i32>(at(mask, from + t)) == 0) return PADDING;
  if (seqIdx == 0) return ORDINARY;
  for (let before = t - 1; before >= 0; before--) {
    if (mask != 0 && load<i32>(at(mask, from + before)) == 0) continue;
    return load<i32>(at(seqIdx, from + before)) == load<i32>(at(seqIdx, from + t)) ? ORDINARY : BEGINNING;
  }
  return ORDINARY;
}

/** `g = keep · g + dout · C` for four channels, and `dout · h` added to the gradient of `C`. */
@inline
function gather(g: usize, keep: v128, dout: v128, C: usize, h: usize, lanesC: usize, state: i32): void {
  for (let n = 0; n < state; n++) {
    const place = (<usize>n) << 4;
    v128.store(g + place, madd(dout, v128.load_splat<f32>(at(C, n)), f32x4.mul(keep, v128.load(g + place))));
    v128.store(lanesC + place, madd(dout, v128.load(h + place), v128.load(lanesC + place)));
  }
}

/** The sum over the state of `g · B` for four channels; adds `g · x` to the gradient of `B`. */
@inline
function spread(g: usize, B: usize, x: v128, lanesB: usize, state: i32): v128 {
  let sum = f32x4.splat(0);
  for (let n = 0; n < state; n++) {
    const place = (<usize>n) << 4;
    const grad = v128.load(g + place);
    sum = madd(grad, v128.load_splat<f32>(at(B, n)), sum);
    v128.store(lanesB + place, madd(grad, x, v128.load(lanesB + place)));
  }
  return sum;
}

/** The sums of the lanes of vectors `j` to `j + 3`. */
@inline
function lanesSum(lanes: usize, j: i32): v128 {
  const from = at(lanes, 4 * j);
  return sums4(v128.load(from), v128.load(from, 16), v128.load(from, 32), v128.load(from, 48));
}

@inline
function laneSum(x: v128): f32 {
  return f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 2) + (f32x4.extract_lane(x, 1) + f32x4.extract_lane(x, 3));
}

function addTo(sums: usize, values: usize, size: i32): void {
  for (let i = 0; i < size; i += 4) {
    store4(at(sums, i), f32x4.add(load4(at(sums, i), size - i), load4(at(values, i), size - i)), size - i);
  }
}

/** Writes the vectors of every rank to where the head's share of their group stands. */
function scatterVectors(
  from: usize, to: usize, row: i32, head: i32, heads: i32, groups: i32, rank: i32, state: i32, steps: i32,
): void {
  const perGroup = heads / groups;
  const share = at(to, (head % perGroup) * steps * rank * groups * state);
  for (let r = 0; r < rank; r++) {
    memory.copy(at(share, ((row * rank + r) * groups + head / perGroup) * state), at(from, r * state), (<usize>state) << 2);
  }
}
