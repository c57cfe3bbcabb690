import { defineOp, optional, optionalInts } from "@elapid/tensor";
import { attentionBackwardReference } from "./attention.reference.ts";

/**
 * Declaration of the gradient of `attention`, with `p` the softmax made again from the scores and `logSum`:
 *
 *     ds[i, j] = p[i, j] (dy[i] · v[j] - dy[i] · y[i] + dlogSum[i])
 *     dq[i] = scale sum over j of ds[i, j] k[j]      dk[j] = scale sum over i of ds[i, j] q[i]
 *     dv[j] = sum over i of p[i, j] dy[i]
 *
 * Sums over `i` are also over the heads that share a key.
 */
export const attentionBackward = defineOp({
  name: "attention.backward",
  inputs: {
    q: "batch queries heads headDim",
    k: "batch keys kvHeads headDim",
    v: "batch keys kvHeads valueDim",
    mask: optionalInts("batch keys"),
    first: optionalInts("batch queries"),
    y: "batch queries heads valueDim",
    logSum: "batch queries heads",
    dy: "batch queries heads valueDim",
    dlogSum: optional("batch queries heads"),
  },
  outputs: {
    dq: "batch queries heads headDim",
    dk: "batch keys kvHeads headDim",
    dv: "batch keys kvHeads valueDim",
  },
  attributes: { causal: true, scale: 1 },
  reference: attentionBackwardReference,
});
