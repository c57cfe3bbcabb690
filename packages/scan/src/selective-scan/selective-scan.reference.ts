import type { ReferenceCall } from "@elapid/tensor";
import { extentsOfB, extentsOfC, sharedRow } from "./shared-rows.ts";

/** One channel after another, one step after another; the state is kept in 64 bits. */
export function selectiveScanReference({
  dims,
  inputs: { u, delta, A, B, C, D, z, deltaBias, initialState, mask, seqIdx },
  outputs: { y, finalState },
  attributes: { deltaSoftplus },
}: ReferenceCall<
  "batch time inner state batchB timeB groupsB batchC timeC groupsC",
  "u delta A B C D? z? deltaBias? initialState? mask:i32? seqIdx:i32?",
  "y finalState",
  { readonly deltaSoftplus: boolean }
>): void {
  const { batch, time, inner, state } = dims;
  const h = new Float64Array(state);
  for (let b = 0; b < batch; b++) {
    for (let e = 0; e < inner; e++) {
      const channel = (b * inner + e) * state;
      for (let n = 0; n < state; n++) h[n] = initialState === undefined ? 0 : initialState[channel + n];
      let sequence: number | undefined;
      for (let t = 0; t < time; t++) {
        const row = b * time + t;
        const at = row * inner + e;
        if (mask !== undefined && mask[row] === 0) {
          y[at] = 0;
          continue;
        }
        if (seqIdx !== undefined) {
          if (sequence !== undefined && seqIdx[row] !== sequence) h.fill(0);
          sequence = seqIdx[row];
        }
        const Bt = sharedRow(extentsOfB(dims), inner, b, t, e) * state;
        const Ct = sharedRow(extentsOfC(dims), inner, b, t, e) * state;
        const raw = delta[at] + (deltaBias === undefined ? 0 : deltaBias[e]);
        const d = deltaSoftplus ? softplus(raw) : raw;
        let out = D === undefined ? 0 : D[e] * u[at];
        for (let n = 0; n < state; n++) {
          h[n] = Math.exp(d * A[e * state + n]) * h[n] + d * B[Bt + n] * u[at];
          out += C[Ct + n] * h[n];
        }
        y[at] = z === undefined ? out : (out * z[at]) / (1 + Math.exp(-z[at]));
      }
      finalState.set(h, channel);
    }
  }
}

export function softplus(x: number): number {
  return x > 20 ? x : Math.log1p(Math.exp(x));
}
