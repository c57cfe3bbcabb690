import { defineOp, type ReferenceCall } from "@elapid/tensor";
import { complexAt, setComplex, type Complex } from "./complex.ts";
import { checkRule, discretizeMode } from "./rules.ts";

/**
 * Diagonal systems `x' = A x + B u` as recurrences `x[t] = ABar x[t-1] + BBar u[t]`, one step size a channel.
 *
 *     zoh:              ABar = exp(dt A)                   BBar = B (exp(dt A) - 1) / A
 *     bilinear:         ABar = (1 + dt A/2) / (1 - dt A/2) BBar = dt B / (1 - dt A/2)
 *     euler:            ABar = 1 + dt A                    BBar = dt B
 *     backward-euler:   ABar = 1 / (1 - dt A)              BBar = dt B / (1 - dt A)
 *
 * The last dimension, `parts`, is 2 for complex systems (real and imaginary part) and 1 for real ones. `rule` is one of
 * the four names. Near `dt A = 0` the hold is computed by its series: there is no cancellation, and `A` may be 0.
 *
 * Source: Gu et al. 2022, S4D, section 2; `scipy.signal.cont2discrete`.
 *
 * ```ts
 * const { ABar, BBar } = discretizeDiagonal({ A, B, dt }, { rule: "bilinear" });
 * ```
 *
 * @throws TypeError if two inputs disagree on the size of a named dimension or `parts` is neither 1 nor 2; RangeError for
 * another rule.
 */
export const discretizeDiagonal = defineOp({
  name: "discretize-diagonal",
  inputs: { A: "inner state parts", B: "inner state parts", dt: "inner" },
  outputs: { ABar: "inner state parts", BBar: "inner state parts" },
  attributes: { rule: "zoh" },
  check: ({ parts }, { rule }) => {
    if (parts !== 1 && parts !== 2) {
      throw new TypeError(
        `Cannot run "discretize-diagonal": "parts" is ${parts} in A but 1 (real) or 2 (complex) was needed`,
      );
    }
    checkRule(rule, 'Cannot run "discretize-diagonal"');
  },
  reference: ({
    dims: { inner, state, parts },
    inputs: { A, B, dt },
    outputs: { ABar, BBar },
    attributes: { rule },
  }: ReferenceCall<"inner state parts", "A B dt", "ABar BBar", { readonly rule: string }>): void => {
    for (let i = 0; i < inner * state; i++) {
      const mode = discretizeMode(rule, at(A, i, parts), at(B, i, parts), dt[Math.floor(i / state)]);
      put(ABar, i, parts, mode.factor);
      put(BBar, i, parts, mode.input);
    }
  },
  gradient: ({ inputs, grads: { ABar: dABar, BBar: dBBar }, attributes }) => {
    const back = discretizeDiagonalBackward({ ...inputs, dABar, dBBar }, attributes);
    return { A: back.dA, B: back.dB, dt: back.ddt };
  },
});

/** Declaration of the gradient of `discretizeDiagonal`; complex gradients are `dL/dre + i dL/dim`. */
export const discretizeDiagonalBackward = defineOp({
  name: "discretize-diagonal.backward",
  inputs: {
    A: "inner state parts",
    B: "inner state parts",
    dt: "inner",
    dABar: { dims: "inner state parts", optional: true },
    dBBar: { dims: "inner state parts", optional: true },
  },
  outputs: { dA: "inner state parts", dB: "inner state parts", ddt: "inner" },
  attributes: { rule: "zoh" },
  reference: ({
    dims: { inner, state, parts },
    inputs: { A, B, dt, dABar, dBBar },
    outputs: { dA, dB, ddt },
    attributes: { rule },
  }: ReferenceCall<"inner state parts", "A B dt dABar? dBBar?", "dA dB ddt", { readonly rule: string }>): void => {
    const none: Complex = { re: 0, im: 0 };
    const sums = new Float64Array(inner);
    for (let i = 0; i < inner * state; i++) {
      const channel = Math.floor(i / state);
      const mode = discretizeMode(rule, at(A, i, parts), at(B, i, parts), dt[channel]);
      const back = mode.gradient(
        dABar === undefined ? none : at(dABar, i, parts),
        dBBar === undefined ? none : at(dBBar, i, parts),
      );
      put(dA, i, parts, back.da);
      put(dB, i, parts, back.db);
      sums[channel] += back.ddt;
    }
    ddt.set(sums);
  },
});

function at(array: Float32Array, i: number, parts: number): Complex {
  return parts === 2 ? complexAt(array, i) : { re: array[i], im: 0 };
}

function put(array: Float32Array, i: number, parts: number, value: Complex): void {
  if (parts === 2) setComplex(array, i, value);
  else array[i] = value.re;
}
