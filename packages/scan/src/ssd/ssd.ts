import { defineOp, optional, optionalInts } from "@elapid/tensor";
import { ssdBackward } from "./ssd.backward.ts";
import { ssdReference } from "./ssd.reference.ts";

/**
 * State-space duality, the recurrence of Mamba-2 (Dao & Gu 2024): a selective scan whose decay is one number
 * a head, so that the state of a head is a matrix "headDim state" that grows by an outer product.
 *
 *     d[t] = clamp(softplus(delta[t] + deltaBias), deltaMin, deltaMax)
 *     h[t] = exp(d[t] · A + logDecay[t]) · h[t-1] + d[t] · u[t] ⊗ B[t]      h[-1] = initialState, or 0
 *     y[t] = (h[t] · C[t] + (D + channelD) · u[t]) · silu(z[t])
 *
 * Softplus is applied when the attribute `deltaSoftplus` is set. Head `i` takes the `B` and `C` of group
 * `floor(i / (heads / groups))`. `D` is a number a head, `channelD` one a channel of a head; `logDecay` is for decays that
 * come with the token, not from a rate `A`. Order and signs are those of `mamba_chunk_scan_combined` of
 * state-spaces/mamba. `chunkSize` is the number of steps that are computed as one matrix product; 0 leaves it to the
 * device, which then computes short sequences step by step. It changes the result by rounding alone.
 *
 * Packed sequences: the state is zeroed before a step whose `seqIdx` differs from that of the step before. A step whose
 * `mask` is 0 is padding: it leaves the state as it is, its `y` is 0, and its `seqIdx` is not looked at. One token is
 * a call of `time` 1 that starts from the state of the last one.
 *
 * ```ts
 * const { y, finalState } = ssd({ u, delta, A, B, C, D, deltaBias }, { deltaSoftplus: true });
 * const next = ssd({ ...token, initialState: finalState }, { deltaSoftplus: true });
 * ```
 *
 * @throws TypeError if two inputs disagree on the size of a named dimension.
 * @throws RangeError if `heads` is no multiple of `groups`, `deltaMin` is above `deltaMax`, or `chunkSize` is no whole number from 0 on.
 */
export const ssd = defineOp({
  name: "ssd",
  inputs: {
    u: "batch time heads headDim",
    delta: "batch time heads",
    A: "heads",
    B: "batch time groups state",
    C: "batch time groups state",
    D: optional("heads"),
    channelD: optional("heads headDim"),
    z: optional("batch time heads headDim"),
    deltaBias: optional("heads"),
    logDecay: optional("batch time heads"),
    initialState: optional("batch heads headDim state"),
    mask: optionalInts("batch time"),
    seqIdx: optionalInts("batch time"),
  },
  outputs: { y: "batch time heads headDim", finalState: "batch heads headDim state" },
  attributes: { deltaSoftplus: false, deltaMin: 0, deltaMax: Infinity, chunkSize: 0 },
  check: ({ heads, groups }, { deltaMin, deltaMax, chunkSize }) => {
    if (heads % groups !== 0) {
      throw new RangeError(`Cannot run "ssd": "heads" is ${heads} but a multiple of "groups", ${groups}, was needed`);
    }
    if (!(deltaMin <= deltaMax)) {
      throw new RangeError(`Cannot run "ssd": deltaMin is ${deltaMin} but at most deltaMax, ${deltaMax}, was needed`);
    }
    if (!Number.isInteger(chunkSize) || chunkSize < 0) {
      throw new RangeError(`Cannot run "ssd": chunkSize is ${chunkSize} but a whole number from 0 on was needed`);
    }
  },
  reference: ssdReference,
  gradient: ({ inputs, grads: { y: dy, finalState: dfinalState }, attributes }) => {
    const back = ssdBackward({ ...inputs, dy, dfinalState }, attributes);
    return {
      u: back.du,
      delta: back.ddelta,
      A: back.dA,
      B: back.dB,
      C: back.dC,
      D: back.dD,
      channelD: back.dchannelD,
      z: back.dz,
      deltaBias: back.ddeltaBias,
      logDecay: back.dlogDecay,
      initialState: back.dinitialState,
    };
  },
});
