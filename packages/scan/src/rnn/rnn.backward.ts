import { defineOp, optional, optionalInts } from "@elapid/tensor";
import { rnnBackwardReference } from "./rnn.reference.ts";

/**
 * The serial part of the gradient of `rnn`, back over the steps. With `dh[t]` the gradient by the state that step `t` left:
 *
 *     dx[t]   = (dh[t] + dy[t]) · (1 - y[t]²)
 *     dh[t-1] = weightᵀ dx[t]
 *
 * From the end `dh` is `dfinalState`, and what is left at the beginning is `dinitialState`. The gradients of `weight` and `bias`
 * follow from `dx` as those of a product.
 */
export const rnnBackward = defineOp({
  name: "rnn.backward",
  inputs: {
    weight: "hidden hidden",
    y: "batch time hidden",
    mask: optionalInts("batch time"),
    seqIdx: optionalInts("batch time"),
    dy: optional("batch time hidden"),
    dfinalState: optional("batch hidden"),
  },
  outputs: { dx: "batch time hidden", dinitialState: "batch hidden" },
  reference: rnnBackwardReference,
});
