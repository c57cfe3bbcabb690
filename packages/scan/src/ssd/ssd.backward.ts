import { defineOp, optional, optionalInts } from "@elapid/tensor";
import { ssdBackwardReference } from "./ssd.backward.reference.ts";

/**
 * Gradient of `ssd`. With `a[t]` the decay of a step, 0 where a packed sequence begins, `o[t]` the output before the gate
 * and `g[t]` the gradient of the state, a matrix "headDim state", the reverse scan is
 *
 *     do[t] = dy[t] · silu(z[t])
 *     g[t]  = do[t] ⊗ C[t] + a[t+1] · g[t+1]                g[after the last] = dfinalState
 *     dC[t] = sum over heads of h[t]ᵀ · do[t]               dB[t] = sum over heads of d[t] · g[t]ᵀ · u[t]
 *     du[t] = do[t] · (D + channelD) + d[t] · g[t] · B[t]   dlogDecay[t] = a[t] · <g[t], h[t-1]>
 *     dd[t] = dlogDecay[t] · A + u[t] · (g[t] · B[t])       dA = sum over t of dlogDecay[t] · d[t]
 *     dchannelD = sum over t of do[t] · u[t]                dz[t] = dy[t] · o[t] · silu'(z[t])
 *
 * `ddelta` is `dd` times the slope of softplus and clamp, `ddeltaBias` its sum; `dinitialState` is `a[0] · g[0]`.
 * `chunkSize` is as in `ssd`. Gradients of inputs that were not given are to be ignored. Padded steps hand `g` on as it is.
 */
export const ssdBackward = defineOp({
  name: "ssd.backward",
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
    dy: optional("batch time heads headDim"),
    dfinalState: optional("batch heads headDim state"),
  },
  outputs: {
    du: "batch time heads headDim",
    ddelta: "batch time heads",
    dA: "heads",
    dB: "batch time groups state",
    dC: "batch time groups state",
    dD: "heads",
    dchannelD: "heads headDim",
    dz: "batch time heads headDim",
    ddeltaBias: "heads",
    dlogDecay: "batch time heads",
    dinitialState: "batch heads headDim state",
  },
  attributes: { deltaSoftplus: false, deltaMin: 0, deltaMax: Infinity, chunkSize: 0 },
  reference: ssdBackwardReference,
});
