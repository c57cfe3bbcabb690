import { defineOp, optional, optionalInts } from "@elapid/tensor";
import { complexSelectiveScanBackwardReference } from "./complex-selective-scan.reference.ts";

/**
 * Declaration of the gradient of `complexSelectiveScan`. Gradients of complex numbers are `dL/dre + i dL/dim`, so a factor
 * comes back as its conjugate. With `a[t] = exp(d[t] · A)`, `o[t]` the output before the gate and `g[t]` the gradient of
 * the state, the reverse scan is
 *
 *     do[t] = dy[t] · silu(z[t])
 *     g[t]  = 2 do[t] · conj(C[t]) + conj(a[t+1]) · g[t+1]      conj(a) · g after the last step is dfinalState
 *     w[t]  = g[t] · conj(a[t] · h[t-1])                        the gradient by d[t] · A
 *     dC[t] = sum over channels of 2 do[t] · conj(h[t])         dB[t] = sum over channels of g[t] · d[t] · u[t]
 *     du[t] = do[t] · D + d[t] · Re(g[t] · conj(B[t]))          dA    = sum over t of w[t] · d[t]
 *     dd[t] = Re(w[t] · conj(A)) + Re(g[t] · conj(B[t])) · u[t] summed over the state, as in du
 *     dD    = sum over t of do[t] · u[t]                        dz[t] = dy[t] · o[t] · silu'(z[t])
 *
 * The rest is as in the gradient of `selectiveScan`.
 */
export const complexSelectiveScanBackward = defineOp({
  name: "complex-selective-scan.backward",
  inputs: {
    u: "batch time inner",
    delta: "batch time inner",
    A: "inner state complex",
    B: "batchB timeB groupsB state complex",
    C: "batchC timeC groupsC state complex",
    D: optional("inner"),
    z: optional("batch time inner"),
    deltaBias: optional("inner"),
    initialState: optional("batch inner state complex"),
    mask: optionalInts("batch time"),
    seqIdx: optionalInts("batch time"),
    dy: optional("batch time inner"),
    dfinalState: optional("batch inner state complex"),
  },
  outputs: {
    du: "batch time inner",
    ddelta: "batch time inner",
    dA: "inner state complex",
    dB: "batchB timeB groupsB state complex",
    dC: "batchC timeC groupsC state complex",
    dD: "inner",
    dz: "batch time inner",
    ddeltaBias: "inner",
    dinitialState: "batch inner state complex",
  },
  attributes: { deltaSoftplus: false },
  derive: () => ({ complex: 2 }),
  reference: complexSelectiveScanBackwardReference,
});
