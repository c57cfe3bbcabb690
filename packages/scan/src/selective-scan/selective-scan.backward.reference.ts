import type { ReferenceCall } from "@elapid/tensor";
import { softplus } from "./selective-scan.reference.ts";
import { extentsOfB, extentsOfC, sharedRow } from "./shared-rows.ts";

/** Channel by channel: forward once to have every state, then backward through time. */
export function selectiveScanBackwardReference({
  dims,
  inputs: { u, delta, A, B, C, D, z, deltaBias, initialState, mask, seqIdx, dy, dfinalState },
  outputs: { du, ddelta, dA, dB, dC, dD, dz, ddeltaBias, dinitialState },
  attributes: { deltaSoftplus },
}: ReferenceCall<
  "batch time inner state batchB timeB groupsB batchC timeC groupsC",
  "u delta A B C D? z? deltaBias? initialState? mask:i32? seqIdx:i32? dy? dfinalState?",
  "du ddelta dA dB dC dD dz ddeltaBias dinitialState",
  { readonly deltaSoftplus: boolean }
>): void {
  const { batch, time, inner, state } = dims;
  const sums = { A: new Float64Array(inner * state), B: new Float64Array(dB.length), C: new Float64Array(dC.length) };
  const skip = new Float64Array(inner);
  const bias = new Float64Array(inner);
  const states = new Float64Array((time + 1) * state); // states[t] is what step t starts from
  const steps = new Float64Array(time);
  const begins = new Uint8Array(time); // whether a step is the first of another sequence than the one before
  const g = new Float64Array(state);
  for (let b = 0; b < batch; b++) {
    for (let e = 0; e < inner; e++) {
      const channel = (b * inner + e) * state;
      const isPadding = (t: number) => mask !== undefined && mask[b * time + t] === 0;
      const rowOfB = (t: number) => sharedRow(extentsOfB(dims), inner, b, t, e) * state;
      const rowOfC = (t: number) => sharedRow(extentsOfC(dims), inner, b, t, e) * state;
      const raw = (t: number) => delta[(b * time + t) * inner + e] + (deltaBias === undefined ? 0 : deltaBias[e]);

      for (let n = 0; n < state; n++) states[n] = initialState === undefined ? 0 : initialState[channel + n];
      let sequence: number | undefined;
      for (let t = 0; t < time; t++) {
        const row = b * time + t;
        if (isPadding(t)) {
          states.copyWithin((t + 1) * state, t * state, (t + 1) * state);
          continue;
        }
        steps[t] = deltaSoftplus ? softplus(raw(t)) : raw(t);
        begins[t] = Number(seqIdx !== undefined && sequence !== undefined && seqIdx[row] !== sequence);
        sequence = seqIdx?.[row];
        const drive = steps[t] * u[row * inner + e];
        const Bt = rowOfB(t);
        for (let n = 0; n < state; n++) {
          const decay = Math.exp(steps[t] * A[e * state + n]);
          const before = begins[t] ? 0 : states[t * state + n];
          states[(t + 1) * state + n] = decay * before + drive * B[Bt + n];
        }
      }

      for (let n = 0; n < state; n++) g[n] = dfinalState === undefined ? 0 : dfinalState[channel + n];
      for (let t = time - 1; t >= 0; t--) {
        const row = b * time + t;
        const at = row * inner + e;
        if (isPadding(t)) {
          du[at] = ddelta[at] = dz[at] = 0;
          continue;
        }
        const d = steps[t];
        const upstream = dy === undefined ? 0 : dy[at];
        const gate = z === undefined ? 1 : z[at] / (1 + Math.exp(-z[at]));
        const dout = upstream * gate;
        let out = D === undefined ? 0 : D[e] * u[at];
        let inputGrad = D === undefined ? 0 : dout * D[e];
        let stepGrad = 0;
        const [Bt, Ct] = [rowOfB(t), rowOfC(t)];
        for (let n = 0; n < state; n++) {
          const before = begins[t] ? 0 : states[t * state + n];
          const after = states[(t + 1) * state + n];
          const [a, bn, cn] = [A[e * state + n], B[Bt + n], C[Ct + n]];
          const decay = Math.exp(d * a);
          out += cn * after;
          sums.C[Ct + n] += dout * after;
          g[n] += dout * cn;
          sums.B[Bt + n] += g[n] * d * u[at];
          sums.A[e * state + n] += g[n] * decay * before * d;
          inputGrad += g[n] * d * bn;
          stepGrad += g[n] * (decay * a * before + bn * u[at]);
          g[n] = begins[t] ? 0 : g[n] * decay;
        }
        skip[e] += dout * u[at];
        du[at] = inputGrad;
        const slope = !deltaSoftplus || raw(t) > 20 ? 1 : 1 / (1 + Math.exp(-raw(t)));
        ddelta[at] = stepGrad * slope;
        bias[e] += stepGrad * slope;
        dz[at] = z === undefined ? 0 : upstream * out * siluSlope(z[at]);
      }
      dinitialState.set(g, channel);
    }
  }
  dA.set(sums.A);
  dB.set(sums.B);
  dC.set(sums.C);
  dD.set(skip);
  ddeltaBias.set(bias);
}

export function siluSlope(x: number): number {
  const sigmoid = 1 / (1 + Math.exp(-x));
  return sigmoid * (1 + x * (1 - sigmoid));
}
