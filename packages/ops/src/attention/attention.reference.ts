import type { ReferenceCall } from "@elapid/tensor";

type Weighing = { readonly causal: boolean; readonly scale: number };

/** One query of one head after another: all its scores, their softmax, and the sum of values. */
export function attentionReference({
  dims: { batch, queries, keys, heads, kvHeads, headDim, valueDim },
  inputs: { q, k, v, mask, first },
  outputs: { y, logSum },
  attributes: { causal, scale },
}: ReferenceCall<
  "batch queries keys heads kvHeads headDim valueDim",
  "q k v mask:i32? first:i32?",
  "y logSum",
  Weighing
>): void {
  y.fill(0);
  for (let row = 0; row < batch * queries * heads; row++) {
    const b = Math.floor(row / (queries * heads));
    const i = Math.floor(row / heads) % queries;
    const kvHead = Math.floor((row % heads) / (heads / kvHeads));
    const scores: [at: number, score: number][] = [];
    for (let j = first?.[b * queries + i] ?? 0; j < (causal ? i + keys - queries + 1 : keys); j++) {
      if (mask !== undefined && mask[b * keys + j] === 0) continue;
      const at = (b * keys + j) * kvHeads + kvHead;
      scores.push([at, scale * dot(q, row, k, at, headDim)]);
    }
    const peak = scores.reduce((most, [, score]) => Math.max(most, score), -Infinity);
    const sum = scores.reduce((total, [, score]) => total + Math.exp(score - peak), 0);
    logSum[row] = scores.length === 0 ? -Infinity : peak + Math.log(sum);
    for (let d = 0; d < valueDim; d++) {
      let out = 0;
      for (const [at, score] of scores) out += (Math.exp(score - peak) / sum) * v[at * valueDim + d];
      y[row * valueDim + d] = out;
    }
  }
}

/** Fills the three gradients, a pair of query and key after the other. */
export function attentionBackwardReference({
  dims: { batch, queries, keys, heads, kvHeads, headDim, valueDim },
  inputs: { q, k, v, mask, first, y, logSum, dy, dlogSum },
  outputs: { dq, dk, dv },
  attributes: { causal, scale },
}: ReferenceCall<
  "batch queries keys heads kvHeads headDim valueDim",
  "q k v mask:i32? first:i32? y logSum dy dlogSum?",
  "dq dk dv",
  Weighing
>): void {
  const sums = { dq: new Float64Array(dq.length), dk: new Float64Array(dk.length), dv: new Float64Array(dv.length) };
  for (let row = 0; row < batch * queries * heads; row++) {
    const b = Math.floor(row / (queries * heads));
    const i = Math.floor(row / heads) % queries;
    const kvHead = Math.floor((row % heads) / (heads / kvHeads));
    const mean = dot(dy, row, y, row, valueDim) - (dlogSum === undefined ? 0 : dlogSum[row]);
    for (let j = first?.[b * queries + i] ?? 0; j < (causal ? i + keys - queries + 1 : keys); j++) {
      if (mask !== undefined && mask[b * keys + j] === 0) continue;
      const at = (b * keys + j) * kvHeads + kvHead;
      const weight = Math.exp(scale * dot(q, row, k, at, headDim) - logSum[row]);
      const dscore = scale * weight * (dot(dy, row, v, at, valueDim) - mean);
      for (let d = 0; d < valueDim; d++) sums.dv[at * valueDim + d] += weight * dy[row * valueDim + d];
      for (let d = 0; d < headDim; d++) {
        sums.dq[row * headDim + d] += dscore * k[at * headDim + d];
        sums.dk[at * headDim + d] += dscore * q[row * headDim + d];
      }
    }
  }
  dq.set(sums.dq);
  dk.set(sums.dk);
  dv.set(sums.dv);
}

/** The product of row `i` of `a` and row `j` of `b`. */
function dot(a: Float32Array, i: number, b: Float32Array, j: number, size: number): number {
  let sum = 0;
  for (let d = 0; d < size; d++) sum += a[i * size + d] * b[j * size + d];
  return sum;
}
