import { defineOp, type ReferenceCall } from "@elapid/tensor";
import { complexAt, setComplex } from "./complex.ts";
import { addKernel, checkTime, kernelGradient, type DiagonalMode } from "./kernel-mode.ts";

const name = "s4d-kernel";
const one = { re: 1, im: 0 };

/**
 * The convolution kernel of an S4D layer, from the parameters that it learns.
 *
 *     dt = exp(logDt)    A = -exp(logAReal) + i AImag    B = 1
 *     K[l] = 2 Re sum over n of C[n] (exp(dt A[n]) - 1) / A[n] · exp(dt A[n] l)
 *
 * This is the zero-order hold; `n` runs over one mode of each conjugate pair. `C` is complex, with a last dimension of 2.
 * `time` is the number of steps. Everything is computed in 64 bits and rounded at the end.
 *
 * Source: Gu et al. 2022, S4D, section 3.1 and listing 1; `S4DKernel` of state-spaces/s4 (models/s4/s4d.py).
 *
 * ```ts
 * const { K } = s4dKernel({ logDt, C, logAReal, AImag }, { time: 1000 });
 * const { y } = fftConv({ u, K, D });
 * ```
 *
 * @throws TypeError if two inputs disagree on the size of a named dimension; RangeError if `time` is no length.
 */
export const s4dKernel = defineOp({
  name,
  inputs: { logDt: "inner", C: "inner state complex", logAReal: "inner state", AImag: "inner state" },
  outputs: { K: "inner time" },
  attributes: { time: NaN },
  derive: (_, { time }) => {
    checkTime(time, name);
    return { complex: 2, time };
  },
  reference: ({
    dims: { inner, state, time },
    inputs,
    outputs: { K },
  }: ReferenceCall<"inner state complex time", "logDt C logAReal AImag", "K">): void => {
    for (let channel = 0; channel < inner; channel++) {
      const kernel = new Float64Array(time);
      for (let n = 0; n < state; n++) addKernel(kernel, modeOf(inputs, channel, channel * state + n), "zoh");
      K.set(kernel, channel * time);
    }
  },
  gradient: ({ inputs, grads: { K: dK } }) => {
    if (dK === undefined) return { logDt: undefined, C: undefined, logAReal: undefined, AImag: undefined };
    const back = s4dKernelBackward({ ...inputs, dK });
    return { logDt: back.dlogDt, C: back.dC, logAReal: back.dlogAReal, AImag: back.dAImag };
  },
});

/** Declaration of the gradient of `s4dKernel`, derived in README.md. */
export const s4dKernelBackward = defineOp({
  name: `${name}.backward`,
  inputs: {
    logDt: "inner",
    C: "inner state complex",
    logAReal: "inner state",
    AImag: "inner state",
    dK: "inner time",
  },
  outputs: { dlogDt: "inner", dC: "inner state complex", dlogAReal: "inner state", dAImag: "inner state" },
  derive: () => ({ complex: 2 }),
  reference: ({
    dims: { inner, state, time },
    inputs,
    outputs: { dlogDt, dC, dlogAReal, dAImag },
  }: ReferenceCall<"inner state complex time", "logDt C logAReal AImag dK", "dlogDt dC dlogAReal dAImag">): void => {
    for (let channel = 0; channel < inner; channel++) {
      const dkernel = inputs.dK.subarray(channel * time, (channel + 1) * time);
      let sum = 0;
      for (let n = 0; n < state; n++) {
        const i = channel * state + n;
        const mode = modeOf(inputs, channel, i);
        const { da, dc, ddt } = kernelGradient(dkernel, mode, "zoh");
        setComplex(dC, i, dc);
        dlogAReal[i] = da.re * mode.a.re;
        dAImag[i] = da.im;
        sum += ddt * mode.dt;
      }
      dlogDt[channel] = sum;
    }
  },
});

interface Parameters {
  readonly logDt: Float32Array;
  readonly C: Float32Array;
  readonly logAReal: Float32Array;
  readonly AImag: Float32Array;
}

function modeOf({ logDt, C, logAReal, AImag }: Parameters, channel: number, i: number): DiagonalMode {
  const a = { re: -Math.exp(logAReal[i]), im: AImag[i] };
  return { a, b: one, c: complexAt(C, i), dt: Math.exp(logDt[channel]) };
}
