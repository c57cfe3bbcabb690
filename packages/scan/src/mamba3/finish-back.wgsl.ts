import { wgsl } from "@elapid/webgpu";
import {
  biased,
  biasesOf,
  CHUNK,
  outputsOf,
  outsSize,
  projectionsOf,
  slicesOf,
  stepsOf,
  turning,
  vectorsOf,
} from "./layout.wgsl.ts";
import { each } from "./prepare.wgsl.ts";
import { carried } from "./scan.wgsl.ts";
import { turn } from "./turn.wgsl.ts";

const chunksOf = (time: number) => Math.ceil(time / CHUNK);

/** Copies the gradients of what sequences end with to where the scan takes them from. */
export const gatherEnd = each(
  ["dfinalState", "dfinalB", "dfinalX", "dfinalAngle", "work", "carries"],
  (sizes) => {
    const { batch, heads, headDim, state, pairs } = sizes;
    return batch * Math.max(heads * headDim * state, biasesOf(sizes), projectionsOf(sizes), heads * pairs);
  },
  ({ time }) => wgsl`
    ${carried}
    fn run(i: u32) {
      let units = dims.batch * dims.heads;
      if (i < units * dims.headDim * dims.state) {
        let to = carryAt(i / dims.state / dims.headDim, ${chunksOf(time)}, i % dims.state, i / dims.state % dims.headDim);
        carries[to] = 0.0;
        if (hasDfinalState) { carries[to] = dfinalState[i]; }
      }
      if (i < dims.batch * biases()) {
        work[gradBAt(i)] = 0.0;
        if (hasDfinalB) { work[gradBAt(i)] = dfinalB[i]; }
      }
      if (i < dims.batch * projections()) {
        work[gradXAt(i)] = 0.0;
        if (hasDfinalX) { work[gradXAt(i)] = dfinalX[i]; }
      }
      if (i < units * dims.pairs) {
        work[gradAngleAt(i)] = 0.0;
        if (hasDfinalAngle) { work[gradAngleAt(i)] = dfinalAngle[i]; }
      }
    }
  `,
  (sizes) => ({
    work: sizes.batch * (biasesOf(sizes) + projectionsOf(sizes) + sizes.heads * sizes.pairs),
    carries: sizes.batch * sizes.heads * sizes.headDim * sizes.state,
  }),
);

/** Gradient of x, an invocation an element: adds up slices and ranks; what a rank gets stays in the first slice of `shares`. */
export const inputBack = each(
  ["plan", "work", "grads", "shares", "dx"],
  (sizes) => stepsOf(sizes) * sizes.headDim,
  () => wgsl`
    fn run(i: u32) {
      if (i >= atCount() * dims.headDim) { return; }
      let p = i % dims.headDim;
      let at = i / dims.headDim;
      let head = at % dims.heads;
      dx[i] = 0.0;
      if (plan[at / dims.heads] == padding) { return; }
      var total = 0.0;
      for (var r = 0u; r < rank; r++) {
        var sum = 0.0;
        for (var part = 0u; part < slices; part++) { sum += shares[outAt(part, at, r, p)]; }
        if (hasD) { sum = fma(work[skipAt(head)], grads[gradAt(at, r, p)], sum); }
        shares[outAt(0, at, r, p)] = sum;
        total = fma(sum, work[projectXAt((head * rank + r) * dims.headDim + p)], total);
      }
      dx[i] = total;
    }
  `,
  (sizes) => ({
    plan: sizes.batch * sizes.time,
    work: projectionsOf(sizes) + sizes.heads,
    grads: outputsOf(sizes),
    shares: outsSize(sizes) + outputsOf(sizes),
  }),
);

/** Gradient of the projection of x, an invocation a parameter, which adds up steps. */
export const inputProjectionBack = each(
  ["x", "plan", "shares", "dxProjection"],
  projectionsOf,
  () => wgsl`
    fn run(i: u32) {
      if (i >= projections()) { return; }
      let p = i % dims.headDim;
      let r = i / dims.headDim % rank;
      let head = i / dims.headDim / rank;
      var sum = 0.0;
      for (var row = 0u; row < rows(); row++) {
        if (plan[row] == padding) { continue; }
        let at = row * dims.heads + head;
        sum = fma(shares[outAt(0, at, r, p)], x[at * dims.headDim + p], sum);
      }
      dxProjection[i] = sum;
    }
  `,
  (sizes) => ({ plan: sizes.batch * sizes.time, shares: outputsOf(sizes) }),
);

/** Gradients of decay, trapezoid and step size, an invocation a step and head; what the angles add to the last comes later. */
export const stepsBack = each(
  ["plan", "shares", "dlogDecay", "ddelta", "dtrap"],
  stepsOf,
  () => wgsl`
    fn run(at: u32) {
      if (at >= atCount()) { return; }
      dlogDecay[at] = 0.0;
      ddelta[at] = 0.0;
      dtrap[at] = 0.0;
      if (plan[at / dims.heads] == padding) { return; }
      var byDecay = 0.0;
      var byLast = 0.0;
      var byOwn = 0.0;
      for (var part = 0u; part < slices; part++) {
        byDecay += shares[scalarAt(part, at)];
        byLast += shares[scalarAt(part, at) + 1];
        byOwn += shares[scalarAt(part, at) + 2];
      }
      let decay = plan[stepAt(at)];
      let lambda = plan[stepAt(at) + 1];
      let step = plan[stepAt(at) + 2];
      dlogDecay[at] = (byDecay + byLast * (1.0 - lambda) * step) * decay;
      ddelta[at] = byOwn * lambda + byLast * (1.0 - lambda) * decay;
      let byLambda = (byOwn - byLast * decay) * step;
      dtrap[at] = select(byLambda, byLambda * lambda * (1.0 - lambda), trapSigmoid);
    }
  `,
  (sizes) => ({
    plan: sizes.batch * sizes.time + 3 * stepsOf(sizes),
    shares: 3 * slicesOf(sizes) * stepsOf(sizes),
  }),
);

/**
 * Turns the gradients of B and C back and adds up what theta gets of them, an invocation a sequence, head and pair, which walks time
 * backward; `dangles` has the gradient of theta then.
 */
export const anglesBack = each(
  ["B", "C", "plan", "work", "shares", "dangles", "dinitialAngle"],
  ({ batch, heads, pairs }) => batch * heads * pairs,
  (_, { attributes: { rotation } }) => wgsl`
    ${turning(rotation === "halved")}
    ${biased}
    fn run(i: u32) {
      if (i >= dims.batch * dims.heads * dims.pairs) { return; }
      let pair = i % dims.pairs;
      let head = i / dims.pairs % dims.heads;
      let b = i / dims.pairs / dims.heads;
      let one = select(2 * pair, pair, ${rotation === "halved"});
      let two = partnerOf(one);
      var theta = work[gradAngleAt(i)];
      for (var left = dims.time; left > 0; left--) {
        let row = b * dims.time + left - 1;
        let at = row * dims.heads + head;
        dangles[at * dims.pairs + pair] = 0.0;
        if (plan[row] == padding) { continue; }
        let cosine = plan[turnAt(at, pair)];
        let sine = plan[turnAt(at, pair) + 1];
        for (var r = 0u; r < rank; r++) {
          for (var which = 0u; which < 2; which++) {
            var re = 0.0;
            var im = 0.0;
            if (which == 0) {
              re = biasedB(at, r, one);
              im = biasedB(at, r, two);
            } else {
              re = biasedC(at, r, one);
              im = biasedC(at, r, two);
            }
            let placeOne = shareBAt(which * atCount() + at, r, one);
            let placeTwo = shareBAt(which * atCount() + at, r, two);
            let gradRe = fma(shares[placeOne], cosine, shares[placeTwo] * sine);
            let gradIm = fma(shares[placeTwo], cosine, -shares[placeOne] * sine);
            // the slope of a turn is a quarter turn, of what was turned as of what was not
            theta += fma(gradIm, re, -gradRe * im);
            shares[placeOne] = gradRe;
            shares[placeTwo] = gradIm;
          }
        }
        dangles[at * dims.pairs + pair] = theta;
        if (plan[row] == beginning) { theta = 0.0; }
      }
      dinitialAngle[i] = theta;
    }
  `,
  (sizes) => ({
    plan: sizes.batch * sizes.time + 2 * stepsOf(sizes) * sizes.pairs,
    work: 2 * biasesOf(sizes) + sizes.batch * sizes.heads * sizes.pairs,
    shares: 8 * stepsOf(sizes) * sizes.rank * sizes.pairs,
  }),
);

/** From the gradient of theta to those of the angles and of the step size, an invocation a step and head. */
export const turnsBack = each(
  ["angles", "plan", "ddelta", "dangles"],
  stepsOf,
  () => wgsl`
    ${turn}
    fn run(at: u32) {
      if (at >= atCount()) { return; }
      if (plan[at / dims.heads] == padding) { return; }
      var sum = ddelta[at];
      for (var i = at * dims.pairs; i < (at + 1) * dims.pairs; i++) {
        let by = tanhOf(angles[i]);
        let grad = dangles[i] * 3.141592653589793;
        sum = fma(grad, by, sum);
        dangles[i] = grad * plan[stepAt(at) + 2] * (1.0 - by) * (1.0 + by);
      }
      ddelta[at] = sum;
    }
  `,
  (sizes) => ({
    plan: sizes.batch * sizes.time + stepsOf(sizes),
    ddelta: 2 * stepsOf(sizes),
    dangles: 2 * stepsOf(sizes) * sizes.pairs,
  }),
);

/** Gradients of B and C, an invocation an entry, which adds up the heads of its group. */
export const vectorsBack = each(
  ["plan", "shares", "dB", "dC"],
  ({ batch, time, rank, groups, state }) => batch * time * rank * groups * state,
  () => wgsl`
    fn run(i: u32) {
      if (i >= rows() * rank * dims.groups * dims.state) { return; }
      let n = i % dims.state;
      let group = i / dims.state % dims.groups;
      let r = i / dims.state / dims.groups % rank;
      let row = i / dims.state / dims.groups / rank;
      let members = dims.heads / dims.groups;
      var sumB = 0.0;
      var sumC = 0.0;
      for (var head = group * members; head < (group + 1) * members && plan[row] != padding; head++) {
        sumB += shares[shareBAt(row * dims.heads + head, r, n)];
        sumC += shares[shareCAt(row * dims.heads + head, r, n)];
      }
      dB[i] = sumB;
      dC[i] = sumC;
    }
  `,
  (sizes) => ({ plan: sizes.batch * sizes.time, shares: 2 * vectorsOf(sizes) }),
);

/** Gradients of the biases of B and C, an invocation a parameter, which adds up steps. */
export const biasesBack = each(
  ["plan", "shares", "dBBias", "dCBias"],
  biasesOf,
  () => wgsl`
    fn run(i: u32) {
      if (i >= biases()) { return; }
      var sumB = 0.0;
      var sumC = 0.0;
      for (var row = 0u; row < rows(); row++) {
        if (plan[row] == padding) { continue; }
        let at = row * dims.heads + i / dims.state / rank;
        sumB += shares[shareBAt(at, i / dims.state % rank, i % dims.state)];
        sumC += shares[shareCAt(at, i / dims.state % rank, i % dims.state)];
      }
      dBBias[i] = sumB;
      dCBias[i] = sumC;
    }
  `,
  (sizes) => ({ plan: sizes.batch * sizes.time, shares: 2 * vectorsOf(sizes) }),
);

/** Gradients of what sequences start from. */
export const startBack = each(
  ["work", "carries", "shares", "dinitialState", "dinitialB", "dinitialX"],
  (sizes) => sizes.batch * Math.max(sizes.heads * sizes.headDim * sizes.state, biasesOf(sizes), projectionsOf(sizes)),
  ({ time }) => wgsl`
    ${carried}
    fn run(i: u32) {
      if (i < dims.batch * dims.heads * dims.headDim * dims.state) {
        let unit = i / dims.state / dims.headDim;
        dinitialState[i] = carries[carryAt(unit, ${chunksOf(time)}, i % dims.state, i / dims.state % dims.headDim)];
      }
      if (i < dims.batch * biases()) { dinitialB[i] = work[gradBAt(i)]; }
      if (i < dims.batch * projections()) {
        var sum = 0.0;
        for (var part = 0u; part < slices; part++) { sum += shares[startXAt(part, i)]; }
        dinitialX[i] = sum;
      }
    }
  `,
  (sizes) => ({
    work: sizes.batch * biasesOf(sizes),
    carries: sizes.batch * sizes.heads * sizes.headDim * sizes.state,
    shares: slicesOf(sizes) * sizes.batch * projectionsOf(sizes),
  }),
);
