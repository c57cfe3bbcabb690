import { defineOp, optional } from "@elapid/tensor";
import { fftConvBackwardReference, fftConvReference } from "./fft-conv.reference.ts";

/**
 * Causal convolution of every channel with a kernel of any length, by Fourier transforms.
 *
 *     y[t] = sum over s <= t of K[s] u[t - s] + D u[t]
 *
 * `u` is "batch time inner", `K` is "inner taps"; taps beyond `time` meet no input. The work is
 * `O(time log time)` a channel, whatever the kernel. Rounding is relative to the largest output of the sequence, not
 * to each output, and an infinity or NaN anywhere in a channel makes all of its sequence NaN: for short kernels
 * `causalConv1d` has neither trait.
 *
 * Source: Gu et al. 2022, S4, section 2.4; `S4D.forward` of state-spaces/s4.
 *
 * ```ts
 * const { y } = fftConv({ u, K });
 * ```
 *
 * @throws TypeError if two inputs disagree on the size of a named dimension.
 */
export const fftConv = defineOp({
  name: "fft-conv",
  inputs: { u: "batch time inner", K: "inner taps", D: optional("inner") },
  outputs: { y: "batch time inner" },
  reference: fftConvReference,
  gradient: ({ inputs, grads: { y: dy } }) => {
    if (dy === undefined) return { u: undefined, K: undefined, D: undefined };
    const back = fftConvBackward({ ...inputs, dy });
    return { u: back.du, K: back.dK, D: inputs.D && back.dD };
  },
});

/**
 * Declaration of the gradient of `fftConv`: correlations where it convolves.
 *
 *     du[s] = sum over t >= s of K[t - s] dy[t] + D dy[s]      dK[s] = sum over t >= s of u[t - s] dy[t]
 */
export const fftConvBackward = defineOp({
  name: "fft-conv.backward",
  inputs: { u: "batch time inner", K: "inner taps", D: optional("inner"), dy: "batch time inner" },
  outputs: { du: "batch time inner", dK: "inner taps", dD: "inner" },
  reference: fftConvBackwardReference,
});
