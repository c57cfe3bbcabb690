import type { ReferenceCall } from "@elapid/tensor";

/** One channel after another, one step after another; the state is kept in 64 bits. */
export function selectiveScanReference({
  dims: { batch, time, inner, state },
  inputs: { u, delta, A, B, C, D, z, deltaBias, initialState, mask },
  outputs: { y, finalState },
  attributes: { deltaSoftplus },
}: ReferenceCall<
  "batch time inner state",
  "u delta A B C D? z? deltaBias? initialState? mask:i32?",
  "y finalState",
  { readonly deltaSoftplus: boolean }
>): void {
  const h = new Float64Array(state);
  for (let b = 0; b < batch; b++) {
    for (let e = 0; e < inner; e++) {
      const channel = (b * inner + e) * state;
      for (let n = 0; n < state; n++) h[n] = initialState === undefined ? 0 : initialState[channel + n];
      for (let t = 0; t < time; t++) {
        const row = b * time + t;
        const at = row * inner + e;
        if (mask !== undefined && mask[row] === 0) {
          y[at] = 0;
          continue;
        }
        const raw = delta[at] + (deltaBias === undefined ? 0 : deltaBias[e]);
        const d = deltaSoftplus ? softplus(raw) : raw;
        let out = D === undefined ? 0 : D[e] * u[at];
        for (let n = 0; n < state; n++) {
          h[n] = Math.exp(d * A[e * state + n]) * h[n] + d * B[row * state + n] * u[at];
          out += C[row * state + n] * h[n];
        }
        y[at] = z === undefined ? out : (out * z[at]) / (1 + Math.exp(-z[at]));
      }
      finalState.set(h, channel);
    }
  }
}

function softplus(x: number): number {
  return x > 20 ? x : Math.log1p(Math.exp(x));
}
