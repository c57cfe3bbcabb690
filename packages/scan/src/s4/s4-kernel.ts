import { defineOp } from "@elapid/tensor";
import { checkTime } from "../lti/kernel-mode.ts";
import { s4KernelBackwardReference, s4KernelReference } from "./s4-kernel.reference.ts";

const name = "s4-kernel";

/**
 * The convolution kernel of a system whose matrix is normal plus low-rank, discretised by the bilinear rule.
 *
 *     dt = exp(logDt)    w = -exp(logAReal) + i AImag    A = diag(w) - P P*
 *     K[l] = 2 Re(C ABar^l BBar)
 *
 * One mode of each conjugate pair is given, hence `2 Re`; `P`, `B` and `C` are complex, with a last dimension of 2. `time` is the
 * number of steps. The generating function of `K`, a rational one that the Woodbury identity gives without a matrix, is taken at
 * points of a circle and transformed back; README.md has the derivation. Everything is computed in 64 bits and rounded at the end:
 * `K` is exact to about 1e-9 of its peak.
 *
 * Source: Gu et al. 2022, S4, section 3 and appendix C.3; `SSMKernelDPLR` of state-spaces/s4, which has `C (I - ABar^L)` for a
 * parameter where this has `C`, so that one system does for any length.
 *
 * ```ts
 * const { K } = s4Kernel({ logDt, logAReal, AImag, P, B, C }, { time: 1000 });
 * const { y } = fftConv({ u, K, D });
 * ```
 *
 * @throws TypeError if two inputs disagree on the size of a named dimension; RangeError if `time` is no length.
 */
export const s4Kernel = defineOp({
  name,
  inputs: {
    logDt: "inner",
    logAReal: "inner state",
    AImag: "inner state",
    P: "inner state complex",
    B: "inner state complex",
    C: "inner state complex",
  },
  outputs: { K: "inner time" },
  attributes: { time: NaN },
  derive: (_, { time }) => {
    checkTime(time, name);
    return { complex: 2, time };
  },
  reference: s4KernelReference,
  gradient: ({ inputs, grads: { K: dK } }) => {
    const back = dK && s4KernelBackward({ ...inputs, dK });
    return {
      logDt: back?.dlogDt,
      logAReal: back?.dlogAReal,
      AImag: back?.dAImag,
      P: back?.dP,
      B: back?.dB,
      C: back?.dC,
    };
  },
});

/** Declaration of the gradient of `s4Kernel`, derived in README.md; complex gradients are `dL/dre + i dL/dim`. */
export const s4KernelBackward = defineOp({
  name: `${name}.backward`,
  inputs: {
    logDt: "inner",
    logAReal: "inner state",
    AImag: "inner state",
    P: "inner state complex",
    B: "inner state complex",
    C: "inner state complex",
    dK: "inner time",
  },
  outputs: {
    dlogDt: "inner",
    dlogAReal: "inner state",
    dAImag: "inner state",
    dP: "inner state complex",
    dB: "inner state complex",
    dC: "inner state complex",
  },
  derive: () => ({ complex: 2 }),
  reference: s4KernelBackwardReference,
});
