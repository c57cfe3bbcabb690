import { defineOp, optional, optionalInts } from "@elapid/tensor";
import { gruBackwardReference } from "./gru.reference.ts";

/**
 * The serial part of the gradient of `gru`, back over the steps. `before` are the states that they began with and `product` is
 * `weight before + bias`, both of which are known for all steps at once. With `dh` the gradient by the state that a step left,
 * `dy` included, and `q = p.n`:
 *
 *     dn = dh · (1 - z) · (1 - n²)      dq = dn · r
 *     dr = dn · q · r (1 - r)           dz = dh · (h[t-1] - n) · z (1 - z)
 *     dx = (dr, dz, dn)                 dproduct = (dr, dz, dq)
 *     dh[t-1] = dh · z + weightᵀ dproduct
 *
 * From the end `dh` is `dfinalState`, and what is left at the beginning is `dinitialState`. The gradients of `weight` and `bias`
 * follow from `dproduct`.
 */
export const gruBackward = defineOp({
  name: "gru.backward",
  inputs: {
    x: "batch time gates",
    weight: "gates hidden",
    product: "batch time gates",
    before: "batch time hidden",
    mask: optionalInts("batch time"),
    seqIdx: optionalInts("batch time"),
    dy: optional("batch time hidden"),
    dfinalState: optional("batch hidden"),
  },
  outputs: { dx: "batch time gates", dproduct: "batch time gates", dinitialState: "batch hidden" },
  derive: ({ hidden }) => ({ gates: 3 * hidden }),
  reference: gruBackwardReference,
});
