import { defineOp, ints, type Tensor } from "@elapid/tensor";
import { crossEntropyReference } from "./cross-entropy.reference.ts";
import { crossEntropyBackward } from "./cross-entropy.backward.ts";

/**
 * Declaration of the negative log-likelihood of a label under the softmax of its logits, one number a row.
 *
 *     loss = logsumexp(logits) - (1 - s) · logits[label] - s · mean(logits)      s = labelSmoothing
 *
 * A row whose label is `ignoreIndex` has loss 0; a label outside the vocabulary gives NaN.
 */
export const crossEntropyOp = defineOp({
  name: "cross-entropy",
  inputs: { logits: "... vocab", labels: ints("...") },
  outputs: { loss: "..." },
  attributes: { ignoreIndex: -100, labelSmoothing: 0 },
  reference: crossEntropyReference,
  gradient: ({ inputs: { logits, labels }, grads: { loss: dloss }, attributes }) => ({
    logits: dloss && crossEntropyBackward({ logits, labels, dloss }, attributes).dlogits,
  }),
});

export interface CrossEntropyOptions {
  /** Rows with this label count nothing. Default -100. */
  readonly ignoreIndex?: number;
  /** Share of the probability that is spread over all classes. Default 0. */
  readonly labelSmoothing?: number;
}

/** Loss of each row, in nats: `... vocab` logits and `...` labels give `...`; averaging is the caller's. */
export function crossEntropy(logits: Tensor, labels: Tensor, options: CrossEntropyOptions = {}): Tensor {
  return crossEntropyOp({ logits, labels }, options).loss;
}
