import { defineOp, type ReferenceCall } from "@elapid/tensor";
import { complexAt, setComplex } from "./complex.ts";
import { addKernel, checkTime, kernelGradient } from "./kernel-mode.ts";
import { checkRule } from "./rules.ts";

const name = "ssm-kernel-diag";

/**
 * The convolution kernel of a diagonal system `x' = A x + B u`, `y = 2 Re(C x)`, discretised by a rule.
 *
 *     K[l] = 2 Re sum over n of C[n] BBar[n] ABar[n]^l
 *
 * One mode of each conjugate pair is given, hence `2 Re`. Complex tensors have a last dimension of 2. `rule` is that of
 * `discretizeDiagonal`, `time` the number of steps. Everything is computed in 64 bits and rounded at the end.
 *
 * Source: Gu et al. 2022, S4D, section 3.1; `SSMKernelDiag` of state-spaces/s4.
 *
 * ```ts
 * const { K } = ssmKernelDiag({ A, B, C, dt }, { rule: "bilinear", time: 1000 });
 * ```
 *
 * @throws TypeError if two inputs disagree on the size of a named dimension; RangeError for another rule or length.
 */
export const ssmKernelDiag = defineOp({
  name,
  inputs: { A: "inner state complex", B: "inner state complex", C: "inner state complex", dt: "inner" },
  outputs: { K: "inner time" },
  attributes: { rule: "zoh", time: NaN },
  derive: (_, { time }) => {
    checkTime(time, name);
    return { complex: 2, time };
  },
  check: (_, { rule }) => checkRule(rule, `Cannot run "${name}"`),
  reference: ({
    dims: { inner, state, time },
    inputs: { A, B, C, dt },
    outputs: { K },
    attributes: { rule },
  }: ReferenceCall<"inner state complex time", "A B C dt", "K", { readonly rule: string }>): void => {
    for (let channel = 0; channel < inner; channel++) {
      const kernel = new Float64Array(time);
      for (let n = 0; n < state; n++) {
        const i = channel * state + n;
        const mode = { a: complexAt(A, i), b: complexAt(B, i), c: complexAt(C, i), dt: dt[channel] };
        addKernel(kernel, mode, rule);
      }
      K.set(kernel, channel * time);
    }
  },
  gradient: ({ inputs, grads: { K: dK }, attributes: { rule } }) => {
    if (dK === undefined) return { A: undefined, B: undefined, C: undefined, dt: undefined };
    const back = ssmKernelDiagBackward({ ...inputs, dK }, { rule });
    return { A: back.dA, B: back.dB, C: back.dC, dt: back.ddt };
  },
});

/** Declaration of the gradient of `ssmKernelDiag`, derived in README.md; complex gradients are `dL/dre + i dL/dim`. */
export const ssmKernelDiagBackward = defineOp({
  name: `${name}.backward`,
  inputs: {
    A: "inner state complex",
    B: "inner state complex",
    C: "inner state complex",
    dt: "inner",
    dK: "inner time",
  },
  outputs: { dA: "inner state complex", dB: "inner state complex", dC: "inner state complex", ddt: "inner" },
  attributes: { rule: "zoh" },
  derive: () => ({ complex: 2 }),
  reference: ({
    dims: { inner, state, time },
    inputs: { A, B, C, dt, dK },
    outputs: { dA, dB, dC, ddt },
    attributes: { rule },
  }: ReferenceCall<"inner state complex time", "A B C dt dK", "dA dB dC ddt", { readonly rule: string }>): void => {
    for (let channel = 0; channel < inner; channel++) {
      const dkernel = dK.subarray(channel * time, (channel + 1) * time);
      let sum = 0;
      for (let n = 0; n < state; n++) {
        const i = channel * state + n;
        const mode = { a: complexAt(A, i), b: complexAt(B, i), c: complexAt(C, i), dt: dt[channel] };
        const back = kernelGradient(dkernel, mode, rule);
        setComplex(dA, i, back.da);
        setComplex(dB, i, back.db);
        setComplex(dC, i, back.dc);
        sum += back.ddt;
      }
      ddt[channel] = sum;
    }
  },
});
