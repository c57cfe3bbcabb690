import type { ReferenceCall } from "@elapid/tensor";
import { complexAt, complexExp, conjTimes, plus, scaled, setComplex, times, type Complex } from "../lti/complex.ts";
import { siluSlope } from "./selective-scan.backward.reference.ts";
import { softplus } from "./selective-scan.reference.ts";
import { extentsOfB, extentsOfC, sharedRow } from "./shared-rows.ts";

const zero = { re: 0, im: 0 };

/** One channel after another, one step after another; the state is kept in 64 bits. */
export function complexSelectiveScanReference({
  dims,
  inputs: { u, delta, A, B, C, D, z, deltaBias, initialState, mask, seqIdx },
  outputs: { y, finalState },
  attributes: { deltaSoftplus },
}: ReferenceCall<
  "batch time inner state complex batchB timeB groupsB batchC timeC groupsC",
  "u delta A B C D? z? deltaBias? initialState? mask:i32? seqIdx:i32?",
  "y finalState",
  { readonly deltaSoftplus: boolean }
>): void {
  const { batch, time, inner, state } = dims;
  for (let b = 0; b < batch; b++) {
    for (let e = 0; e < inner; e++) {
      const channel = (b * inner + e) * state;
      let h = statesAt(initialState, channel, state);
      let sequence: number | undefined;
      for (let t = 0; t < time; t++) {
        const row = b * time + t;
        const at = row * inner + e;
        if (mask !== undefined && mask[row] === 0) {
          y[at] = 0;
          continue;
        }
        if (seqIdx !== undefined) {
          if (sequence !== undefined && seqIdx[row] !== sequence) h = statesAt(undefined, channel, state);
          sequence = seqIdx[row];
        }
        const Bt = sharedRow(extentsOfB(dims), inner, b, t, e) * state;
        const Ct = sharedRow(extentsOfC(dims), inner, b, t, e) * state;
        const raw = delta[at] + (deltaBias === undefined ? 0 : deltaBias[e]);
        const d = deltaSoftplus ? softplus(raw) : raw;
        let out = D === undefined ? 0 : D[e] * u[at];
        for (let n = 0; n < state; n++) {
          const decay = complexExp(scaled(complexAt(A, e * state + n), d));
          h[n] = plus(times(decay, h[n]), scaled(complexAt(B, Bt + n), d * u[at]));
          out += 2 * times(complexAt(C, Ct + n), h[n]).re;
        }
        y[at] = z === undefined ? out : (out * z[at]) / (1 + Math.exp(-z[at]));
      }
      for (let n = 0; n < state; n++) setComplex(finalState, channel + n, h[n]);
    }
  }
}

/** Channel by channel: forward once to have every state, then backward through time. */
export function complexSelectiveScanBackwardReference({
  dims,
  inputs: { u, delta, A, B, C, D, z, deltaBias, initialState, mask, seqIdx, dy, dfinalState },
  outputs: { du, ddelta, dA, dB, dC, dD, dz, ddeltaBias, dinitialState },
  attributes: { deltaSoftplus },
}: ReferenceCall<
  "batch time inner state complex batchB timeB groupsB batchC timeC groupsC",
  "u delta A B C D? z? deltaBias? initialState? mask:i32? seqIdx:i32? dy? dfinalState?",
  "du ddelta dA dB dC dD dz ddeltaBias dinitialState",
  { readonly deltaSoftplus: boolean }
>): void {
  const { batch, time, inner, state } = dims;
  const sums = { A: new Float64Array(dA.length), B: new Float64Array(dB.length), C: new Float64Array(dC.length) };
  const skip = new Float64Array(inner);
  const bias = new Float64Array(inner);
  for (let b = 0; b < batch; b++) {
    for (let e = 0; e < inner; e++) {
      const channel = (b * inner + e) * state;
      const isPadding = (t: number) => mask !== undefined && mask[b * time + t] === 0;
      const rowOfB = (t: number) => sharedRow(extentsOfB(dims), inner, b, t, e) * state;
      const rowOfC = (t: number) => sharedRow(extentsOfC(dims), inner, b, t, e) * state;
      const raw = (t: number) => delta[(b * time + t) * inner + e] + (deltaBias === undefined ? 0 : deltaBias[e]);
      const stepSize = (t: number) => (deltaSoftplus ? softplus(raw(t)) : raw(t));
      const decayAt = (t: number, n: number) => complexExp(scaled(complexAt(A, e * state + n), stepSize(t)));

      const before: Complex[][] = []; // what each step starts from
      const begins: boolean[] = []; // whether it is the first of another sequence than the step before
      let h = statesAt(initialState, channel, state);
      let sequence: number | undefined;
      for (let t = 0; t < time; t++) {
        const row = b * time + t;
        if (isPadding(t)) continue;
        begins[t] = seqIdx !== undefined && sequence !== undefined && seqIdx[row] !== sequence;
        sequence = seqIdx?.[row];
        if (begins[t]) h = statesAt(undefined, channel, state);
        before[t] = h;
        const drive = stepSize(t) * u[row * inner + e];
        h = h.map((hn, n) => plus(times(decayAt(t, n), hn), scaled(complexAt(B, rowOfB(t) + n), drive)));
      }

      const g = statesAt(dfinalState, channel, state);
      for (let t = time - 1; t >= 0; t--) {
        const at = (b * time + t) * inner + e;
        if (isPadding(t)) {
          du[at] = ddelta[at] = dz[at] = 0;
          continue;
        }
        const d = stepSize(t);
        const upstream = dy === undefined ? 0 : dy[at];
        const dout = z === undefined ? upstream : (upstream * z[at]) / (1 + Math.exp(-z[at]));
        let out = D === undefined ? 0 : D[e] * u[at];
        let inputGrad = D === undefined ? 0 : dout * D[e];
        let stepGrad = 0;
        for (let n = 0; n < state; n++) {
          const [a, bn, cn] = [complexAt(A, e * state + n), complexAt(B, rowOfB(t) + n), complexAt(C, rowOfC(t) + n)];
          const decay = decayAt(t, n);
          const decayed = times(decay, before[t][n]);
          const after = plus(decayed, scaled(bn, d * u[at]));
          out += 2 * times(cn, after).re;
          addTo(sums.C, rowOfC(t) + n, { re: 2 * dout * after.re, im: -2 * dout * after.im });
          g[n] = plus(g[n], { re: 2 * dout * cn.re, im: -2 * dout * cn.im });
          addTo(sums.B, rowOfB(t) + n, scaled(g[n], d * u[at]));
          const rateGrad = conjTimes(decayed, g[n]);
          addTo(sums.A, e * state + n, scaled(rateGrad, d));
          const driveGrad = conjTimes(bn, g[n]).re;
          inputGrad += driveGrad * d;
          stepGrad += conjTimes(a, rateGrad).re + driveGrad * u[at];
          g[n] = begins[t] ? zero : conjTimes(decay, g[n]);
        }
        skip[e] += dout * u[at];
        du[at] = inputGrad;
        const slope = !deltaSoftplus || raw(t) > 20 ? 1 : 1 / (1 + Math.exp(-raw(t)));
        ddelta[at] = stepGrad * slope;
        bias[e] += stepGrad * slope;
        dz[at] = z === undefined ? 0 : upstream * out * siluSlope(z[at]);
      }
      g.forEach((gn, n) => setComplex(dinitialState, channel + n, gn));
    }
  }
  dA.set(sums.A);
  dB.set(sums.B);
  dC.set(sums.C);
  dD.set(skip);
  ddeltaBias.set(bias);
}

/** The states of a channel, or zeros. */
function statesAt(states: ArrayLike<number> | undefined, channel: number, state: number): Complex[] {
  return Array.from({ length: state }, (_, n) => (states === undefined ? zero : complexAt(states, channel + n)));
}

function addTo(sums: Float64Array, i: number, { re, im }: Complex): void {
  sums[2 * i] += re;
  sums[2 * i + 1] += im;
}
