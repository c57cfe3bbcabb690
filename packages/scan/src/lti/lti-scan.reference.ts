import type { ReferenceCall } from "@elapid/tensor";
import { complexAt, conjTimes, plus, scaled, setComplex, times, type Complex } from "./complex.ts";
import { discretizeMode, type Mode } from "./rules.ts";

const zero: Complex = { re: 0, im: 0 };

/** One sequence of one channel after another, one mode after another. */
export function ltiScanReference({
  dims: { batch, time, inner, state },
  inputs: { u, A, B, C, dt, D, initialState },
  outputs: { y, finalState },
  attributes: { rule },
}: ReferenceCall<
  "batch time inner state complex",
  "u A B C dt D? initialState?",
  "y finalState",
  { readonly rule: string }
>): void {
  for (let b = 0; b < batch; b++) {
    for (let e = 0; e < inner; e++) {
      const at = (t: number) => (b * time + t) * inner + e;
      const sums = new Float64Array(time);
      for (let n = 0; n < state; n++) {
        const i = e * state + n;
        const mode = discretizeMode(rule, complexAt(A, i), complexAt(B, i), dt[e]);
        const c = complexAt(C, i);
        const held = (b * inner + e) * state + n;
        let h = initialState === undefined ? zero : complexAt(initialState, held);
        for (let t = 0; t < time; t++) {
          h = step(mode, h, u[at(t)]);
          sums[t] += 2 * (c.re * h.re - c.im * h.im);
        }
        setComplex(finalState, held, h);
      }
      for (let t = 0; t < time; t++) y[at(t)] = sums[t] + (D === undefined ? 0 : D[e] * u[at(t)]);
    }
  }
}

/** The states are run through again, then the sequence backwards. Sums over the batch are in its order. */
export function ltiScanBackwardReference({
  dims: { batch, time, inner, state },
  inputs: { u, A, B, C, dt, D, initialState, dy, dfinalState },
  outputs: { du, dA, dB, dC, ddt, dD, dinitialState },
  attributes: { rule },
}: ReferenceCall<
  "batch time inner state complex",
  "u A B C dt D? initialState? dy? dfinalState?",
  "du dA dB dC ddt dD dinitialState",
  { readonly rule: string }
>): void {
  for (let e = 0; e < inner; e++) {
    const dus = new Float64Array(batch * time);
    let ddtSum = 0;
    for (let n = 0; n < state; n++) {
      const i = e * state + n;
      const mode = discretizeMode(rule, complexAt(A, i), complexAt(B, i), dt[e]);
      const c = complexAt(C, i);
      let [dfactor, dinput, dc] = [zero, zero, zero];
      for (let b = 0; b < batch; b++) {
        const at = (t: number) => (b * time + t) * inner + e;
        const held = (b * inner + e) * state + n;
        const states = [initialState === undefined ? zero : complexAt(initialState, held)];
        for (let t = 0; t < time; t++) states.push(step(mode, states[t], u[at(t)]));
        // the gradient by the state before step t + 1
        let g = dfinalState === undefined ? zero : complexAt(dfinalState, held);
        for (let t = time - 1; t >= 0; t--) {
          const upstream = dy === undefined ? 0 : 2 * dy[at(t)];
          g = plus(g, scaled({ re: c.re, im: -c.im }, upstream));
          dc = plus(dc, scaled({ re: states[t + 1].re, im: -states[t + 1].im }, upstream));
          dus[b * time + t] += conjTimes(mode.input, g).re;
          dinput = plus(dinput, scaled(g, u[at(t)]));
          dfactor = plus(dfactor, conjTimes(states[t], g));
          g = conjTimes(mode.factor, g);
        }
        setComplex(dinitialState, held, g);
      }
      const { da, db, ddt: ofMode } = mode.gradient(dfactor, dinput);
      setComplex(dA, i, da);
      setComplex(dB, i, db);
      setComplex(dC, i, dc);
      ddtSum += ofMode;
    }
    let dskip = 0;
    dus.forEach((value, row) => {
      const at = row * inner + e;
      const upstream = dy === undefined ? 0 : dy[at];
      du[at] = value + (D === undefined ? 0 : D[e] * upstream);
      dskip += upstream * u[at];
    });
    ddt[e] = ddtSum;
    dD[e] = dskip;
  }
}

function step({ factor, input }: Mode, h: Complex, u: number): Complex {
  return plus(times(factor, h), scaled(input, u));
}
