import { defineOp, optional } from "@elapid/tensor";
import { ltiScanBackwardReference, ltiScanReference } from "./lti-scan.reference.ts";
import { checkRule } from "./rules.ts";

/**
 * A diagonal linear time-invariant system `x' = A x + B u`, `y = 2 Re(C x) + D u` run as a recurrence.
 *
 *     h[t] = ABar h[t-1] + BBar u[t]      y[t] = 2 Re(sum over n of C[n] h[t][n]) + D u[t]
 *
 * `ABar` and `BBar` are those of `discretizeDiagonal` by `rule`. One mode of each conjugate pair is given, hence `2 Re`;
 * complex tensors have a last dimension of 2. `h` before the first step is `initialState`, or 0; `finalState` is what the
 * next call starts from, so that a token is a scan of `time` 1.
 *
 * From a state of 0 it gives what `fftConv` gives with the kernel of `ssmKernelDiag`: there all steps at once in
 * `O(time log time)`, here one after the other with a state of constant size.
 *
 * Source: Gu et al. 2022, S4, sections 2.3 and 2.4; S4D, section 3.
 *
 * ```ts
 * const { finalState } = ltiScan({ u: prompt, A, B, C, dt });
 * const { y } = ltiScan({ u: next, A, B, C, dt, initialState: finalState });
 * ```
 *
 * @throws TypeError if two inputs disagree on the size of a named dimension; RangeError for another rule.
 */
export const ltiScan = defineOp({
  name: "lti-scan",
  inputs: {
    u: "batch time inner",
    A: "inner state complex",
    B: "inner state complex",
    C: "inner state complex",
    dt: "inner",
    D: optional("inner"),
    initialState: optional("batch inner state complex"),
  },
  outputs: { y: "batch time inner", finalState: "batch inner state complex" },
  attributes: { rule: "zoh" },
  derive: () => ({ complex: 2 }),
  check: (_, { rule }) => checkRule(rule, 'Cannot run "lti-scan"'),
  reference: ltiScanReference,
  gradient: ({ inputs, grads: { y: dy, finalState: dfinalState }, attributes }) => {
    const back = ltiScanBackward({ ...inputs, dy, dfinalState }, attributes);
    return {
      u: back.du,
      A: back.dA,
      B: back.dB,
      C: back.dC,
      dt: back.ddt,
      D: inputs.D && back.dD,
      initialState: inputs.initialState && back.dinitialState,
    };
  },
});

/**
 * Declaration of the gradient of `ltiScan`. With `g[t]` the gradient by `h[t]`, complex as `dL/dre + i dL/dim`:
 *
 *     g[t] = conj(ABar) g[t+1] + 2 conj(C) dy[t]      du[t] = Re(sum over n of conj(BBar) g[t]) + D dy[t]
 *     dABar = sum over t of g[t] conj(h[t-1])         dBBar = sum over t of g[t] u[t]
 *     dC = sum over t of 2 dy[t] conj(h[t])           dinitialState = conj(ABar) g[0]
 *
 * `g` after the last step is `dfinalState`; `dA`, `dB` and `ddt` follow from `dABar` and `dBBar`.
 */
export const ltiScanBackward = defineOp({
  name: "lti-scan.backward",
  inputs: {
    u: "batch time inner",
    A: "inner state complex",
    B: "inner state complex",
    C: "inner state complex",
    dt: "inner",
    D: optional("inner"),
    initialState: optional("batch inner state complex"),
    dy: optional("batch time inner"),
    dfinalState: optional("batch inner state complex"),
  },
  outputs: {
    du: "batch time inner",
    dA: "inner state complex",
    dB: "inner state complex",
    dC: "inner state complex",
    ddt: "inner",
    dD: "inner",
    dinitialState: "batch inner state complex",
  },
  attributes: { rule: "zoh" },
  derive: () => ({ complex: 2 }),
  reference: ltiScanBackwardReference,
});
