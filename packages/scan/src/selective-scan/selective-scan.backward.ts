import { defineOp, optional, optionalInts } from "@elapid/tensor";
import { selectiveScanBackwardReference } from "./selective-scan.backward.reference.ts";

/**
 * Declaration of the gradient of `selectiveScan`. With `a[t] = exp(d[t] · A)`, `o[t]` the output before the
 * gate and `g[t]` the gradient of the state, the reverse scan is
 *
 *     do[t] = dy[t] · silu(z[t])
 *     g[t]  = do[t] · C[t] + a[t+1] · g[t+1]            g[after the last] = dfinalState
 *     dC[t] = sum over channels of do[t] · h[t]         dB[t] = sum over channels of g[t] · d[t] · u[t]
 *     du[t] = do[t] · D + d[t] · (g[t] · B[t])          dA    = sum over t of g[t] · a[t] · h[t-1] · d[t]
 *     dd[t] = g[t] · (a[t] · A · h[t-1] + B[t] · u[t])  summed over the state
 *     dD    = sum over t of do[t] · u[t]                dz[t] = dy[t] · o[t] · silu'(z[t])
 *
 * `ddelta` is `dd` times the slope of softplus, `ddeltaBias` its sum; `dinitialState` is `a[0] · g[0]`.
 * `dB` and `dC` are summed over whatever shares a row. Padded steps hand `g` on as it is; before the first step of a packed
 * sequence it is 0. Gradients of inputs that were not given are to be ignored.
 */
export const selectiveScanBackward = defineOp({
  name: "selective-scan.backward",
  inputs: {
    u: "batch time inner",
    delta: "batch time inner",
    A: "inner state",
    B: "batchB timeB groupsB state",
    C: "batchC timeC groupsC state",
    D: optional("inner"),
    z: optional("batch time inner"),
    deltaBias: optional("inner"),
    initialState: optional("batch inner state"),
    mask: optionalInts("batch time"),
    seqIdx: optionalInts("batch time"),
    dy: optional("batch time inner"),
    dfinalState: optional("batch inner state"),
  },
  outputs: {
    du: "batch time inner",
    ddelta: "batch time inner",
    dA: "inner state",
    dB: "batchB timeB groupsB state",
    dC: "batchC timeC groupsC state",
    dD: "inner",
    dz: "batch time inner",
    ddeltaBias: "inner",
    dinitialState: "batch inner state",
  },
  attributes: { deltaSoftplus: false },
  reference: selectiveScanBackwardReference,
});
