import { defineOp, optional, type ReferenceCall } from "@elapid/tensor";
import { complexAt, conjTimes, over, plus, scaled, setComplex, times, type Complex } from "../lti/complex.ts";

/**
 * The system of `s4Kernel` run as a recurrence, `O(state)` a step: the matrix that the bilinear rule has to invert is diagonal
 * plus low-rank too.
 *
 *     h[t] = (2/dt - A)⁻¹ ((2/dt + A) h[t-1] + 2 B u[t])      y[t] = 2 Re(C h[t]) + D u[t]
 *
 * `h` before the first step is `initialState`, or 0; `finalState` is what the next call starts from. From a state of 0 it gives what
 * `fftConv` gives with the kernel of `s4Kernel`. It is for generation and has no gradient.
 *
 * Source: Gu et al. 2022, S4, section 3 and appendix C.2.
 *
 * ```ts
 * const { finalState } = s4Scan({ u: prompt, ...system });
 * const { y } = s4Scan({ u: next, ...system, initialState: finalState });
 * ```
 *
 * @throws TypeError if two inputs disagree on the size of a named dimension.
 */
export const s4Scan = defineOp({
  name: "s4-scan",
  inputs: {
    u: "batch time inner",
    logDt: "inner",
    logAReal: "inner state",
    AImag: "inner state",
    P: "inner state complex",
    B: "inner state complex",
    C: "inner state complex",
    D: optional("inner"),
    initialState: optional("batch inner state complex"),
  },
  outputs: { y: "batch time inner", finalState: "batch inner state complex" },
  derive: () => ({ complex: 2 }),
  reference: s4ScanReference,
});

function s4ScanReference({
  dims: { batch, time, inner, state },
  inputs: { u, logDt, logAReal, AImag, P, B, C, D, initialState },
  outputs: { y, finalState },
}: ReferenceCall<
  "batch time inner state complex",
  "u logDt logAReal AImag P B C D? initialState?",
  "y finalState"
>): void {
  for (let e = 0; e < inner; e++) {
    const rate: Complex = { re: 2 * Math.exp(-logDt[e]), im: 0 };
    const modes = Array.from({ length: state }, (_, n) => {
      const i = e * state + n;
      const w = { re: -Math.exp(logAReal[i]), im: AImag[i] };
      const [p, b, c] = [P, B, C].map((array) => complexAt(array, i));
      return { p, b, c, ahead: plus(rate, w), behind: over({ re: 1, im: 0 }, plus(rate, scaled(w, -1))) };
    });
    const lowRank = 1 + modes.reduce((sum, { p, behind }) => sum + 2 * conjTimes(p, times(behind, p)).re, 0);
    for (let b = 0; b < batch; b++) {
      const first = (b * inner + e) * state;
      let h: Complex[] = modes.map((_, n) =>
        initialState === undefined ? { re: 0, im: 0 } : complexAt(initialState, first + n),
      );
      for (let t = 0; t < time; t++) {
        const at = (b * time + t) * inner + e;
        const along = modes.reduce((sum, { p }, n) => sum + 2 * conjTimes(p, h[n]).re, 0);
        const v = modes.map(({ p, b: into, ahead, behind }, n) =>
          times(behind, plus(times(ahead, h[n]), plus(scaled(p, -along), scaled(into, 2 * u[at])))),
        );
        const less = modes.reduce((sum, { p }, n) => sum + 2 * conjTimes(p, v[n]).re, 0) / lowRank;
        h = modes.map(({ p, behind }, n) => plus(v[n], scaled(times(behind, p), -less)));
        const skip = D === undefined ? 0 : D[e] * u[at];
        y[at] = modes.reduce((sum, { c }, n) => sum + 2 * times(c, h[n]).re, skip);
      }
      h.forEach((value, n) => setComplex(finalState, first + n, value));
    }
  }
}
