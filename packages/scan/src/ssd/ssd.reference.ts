import type { ReferenceCall } from "@elapid/tensor";
import { stepSize, type StepSizeAttributes } from "./step-size.ts";

/** One head after another, one step after another; the state is kept in 64 bits. */
export function ssdReference({
  dims: { batch, time, heads, headDim, groups, state },
  inputs: { u, delta, A, B, C, D, channelD, z, deltaBias, logDecay, initialState, mask, seqIdx },
  outputs: { y, finalState },
  attributes,
}: ReferenceCall<
  "batch time heads headDim groups state",
  "u delta A B C D? channelD? z? deltaBias? logDecay? initialState? mask:i32? seqIdx:i32?",
  "y finalState",
  StepSizeAttributes
>): void {
  const h = new Float64Array(headDim * state);
  for (let b = 0; b < batch; b++) {
    for (let head = 0; head < heads; head++) {
      const matrix = (b * heads + head) * headDim * state;
      const group = Math.floor(head / (heads / groups));
      for (let i = 0; i < h.length; i++) h[i] = initialState === undefined ? 0 : initialState[matrix + i];
      let sequence: number | undefined;
      for (let t = 0; t < time; t++) {
        const row = b * time + t;
        const at = row * heads + head;
        if (mask !== undefined && mask[row] === 0) {
          y.fill(0, at * headDim, (at + 1) * headDim);
          continue;
        }
        if (seqIdx !== undefined) {
          if (sequence !== undefined && seqIdx[row] !== sequence) h.fill(0);
          sequence = seqIdx[row];
        }
        const d = stepSize(delta[at] + (deltaBias === undefined ? 0 : deltaBias[head]), attributes);
        const decay = Math.exp(d * A[head] + (logDecay === undefined ? 0 : logDecay[at]));
        const vector = (row * groups + group) * state; // of B and C
        for (let p = 0; p < headDim; p++) {
          const channel = at * headDim + p;
          const input = u[channel];
          let out = 0;
          if (D !== undefined) out += D[head] * input;
          if (channelD !== undefined) out += channelD[head * headDim + p] * input;
          for (let n = 0; n < state; n++) {
            const value = decay * h[p * state + n] + d * input * B[vector + n];
            h[p * state + n] = value;
            out += C[vector + n] * value;
          }
          y[channel] = z === undefined ? out : (out * z[channel]) / (1 + Math.exp(-z[channel]));
        }
      }
      finalState.set(h, matrix);
    }
  }
}
