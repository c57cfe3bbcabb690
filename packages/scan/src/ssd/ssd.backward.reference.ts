import type { ReferenceCall } from "@elapid/tensor";
import { stepSize, stepSizeSlope, type StepSizeAttributes } from "./step-size.ts";

/** Head by head: forward once to have every state, then backward through time. */
export function ssdBackwardReference({
  dims: { batch, time, heads, headDim, groups, state },
  inputs: { u, delta, A, B, C, D, channelD, z, deltaBias, logDecay, initialState, mask, seqIdx, dy, dfinalState },
  outputs: { du, ddelta, dA, dB, dC, dD, dchannelD, dz, ddeltaBias, dlogDecay, dinitialState },
  attributes,
}: ReferenceCall<
  "batch time heads headDim groups state",
  "u delta A B C D? channelD? z? deltaBias? logDecay? initialState? mask:i32? seqIdx:i32? dy? dfinalState?",
  "du ddelta dA dB dC dD dchannelD dz ddeltaBias dlogDecay dinitialState",
  StepSizeAttributes
>): void {
  const size = headDim * state;
  const sums = { B: new Float64Array(dB.length), C: new Float64Array(dC.length) };
  const rate = new Float64Array(heads);
  const skip = new Float64Array(heads * headDim);
  const bias = new Float64Array(heads);
  const states = new Float64Array((time + 1) * size); // states[t] is what step t starts from
  const steps = new Float64Array(time);
  const decays = new Float64Array(time);
  const begins: boolean[] = []; // whether a packed sequence begins at step t
  const g = new Float64Array(size);
  for (let b = 0; b < batch; b++) {
    for (let head = 0; head < heads; head++) {
      const matrix = (b * heads + head) * size;
      const group = Math.floor(head / (heads / groups));
      const vectorOf = (t: number) => ((b * time + t) * groups + group) * state; // of B and C
      const isPadding = (t: number) => mask !== undefined && mask[b * time + t] === 0;
      const raw = (t: number) => delta[(b * time + t) * heads + head] + (deltaBias === undefined ? 0 : deltaBias[head]);

      for (let i = 0; i < size; i++) states[i] = initialState === undefined ? 0 : initialState[matrix + i];
      let sequence: number | undefined;
      for (let t = 0; t < time; t++) {
        const row = b * time + t;
        const at = row * heads + head;
        const [before, after] = [t * size, (t + 1) * size];
        states.copyWithin(after, before, after);
        if (isPadding(t)) continue;
        begins[t] = seqIdx !== undefined && sequence !== undefined && seqIdx[row] !== sequence;
        if (seqIdx !== undefined) sequence = seqIdx[row];
        steps[t] = stepSize(raw(t), attributes);
        decays[t] = Math.exp(steps[t] * A[head] + (logDecay === undefined ? 0 : logDecay[at]));
        for (let p = 0; p < headDim; p++) {
          const drive = steps[t] * u[at * headDim + p];
          for (let n = 0; n < state; n++) {
            const i = p * state + n;
            const carried = begins[t] ? 0 : decays[t] * states[before + i];
            states[after + i] = carried + drive * B[vectorOf(t) + n];
          }
        }
      }

      for (let i = 0; i < size; i++) g[i] = dfinalState === undefined ? 0 : dfinalState[matrix + i];
      for (let t = time - 1; t >= 0; t--) {
        const at = (b * time + t) * heads + head;
        if (isPadding(t)) {
          ddelta[at] = dlogDecay[at] = 0;
          du.fill(0, at * headDim, (at + 1) * headDim);
          dz.fill(0, at * headDim, (at + 1) * headDim);
          continue;
        }
        const d = steps[t];
        const vector = vectorOf(t);
        let decayGrad = 0;
        let stepGrad = 0;
        for (let p = 0; p < headDim; p++) {
          const channel = at * headDim + p;
          const input = u[channel];
          const upstream = dy === undefined ? 0 : dy[channel];
          const gate = z === undefined ? 1 : z[channel] / (1 + Math.exp(-z[channel]));
          const dout = upstream * gate;
          const through = (D === undefined ? 0 : D[head]) + (channelD === undefined ? 0 : channelD[head * headDim + p]);
          let out = through * input;
          let driveGrad = 0;
          for (let n = 0; n < state; n++) {
            const i = p * state + n;
            const before = begins[t] ? 0 : states[t * size + i];
            const after = states[(t + 1) * size + i];
            out += C[vector + n] * after;
            sums.C[vector + n] += dout * after;
            g[i] += dout * C[vector + n];
            sums.B[vector + n] += g[i] * d * input;
            driveGrad += g[i] * B[vector + n];
            g[i] = begins[t] ? 0 : g[i] * decays[t];
            decayGrad += g[i] * before;
          }
          du[channel] = dout * through + d * driveGrad;
          dz[channel] = z === undefined ? 0 : upstream * out * siluSlope(z[channel]);
          skip[head * headDim + p] += dout * input;
          stepGrad += input * driveGrad;
        }
        dlogDecay[at] = decayGrad;
        rate[head] += decayGrad * d;
        const deltaGrad = (stepGrad + decayGrad * A[head]) * stepSizeSlope(raw(t), attributes);
        ddelta[at] = deltaGrad;
        bias[head] += deltaGrad;
      }
      dinitialState.set(g, matrix);
    }
  }
  dA.set(rate);
  dB.set(sums.B);
  dC.set(sums.C);
  dchannelD.set(skip);
  for (let head = 0; head < heads; head++) {
    dD[head] = skip.subarray(head * headDim, (head + 1) * headDim).reduce((total, value) => total + value, 0);
  }
  ddeltaBias.set(bias);
}

function siluSlope(x: number): number {
  const sigmoid = 1 / (1 + Math.exp(-x));
  return sigmoid * (1 + x * (1 - sigmoid));
}
