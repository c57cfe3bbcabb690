import { defineOp, ints, weights, type Tensor } from "@elapid/tensor";
import { embeddingReference } from "./embedding.reference.ts";
import { embeddingBackward } from "./embedding.backward.ts";

/** Declaration of the look-up of rows: `y[r] = weight[ids[r]]`, NaN where an id is not a row. */
export const embeddingOp = defineOp({
  name: "embedding",
  inputs: { ids: ints("..."), weight: weights("vocab features") },
  outputs: { y: "... features" },
  reference: embeddingReference,
  gradient: ({ inputs: { ids, weight }, grads: { y: dy } }) => ({
    weight: dy && embeddingBackward({ ids, dy, weight }).dweight,
  }),
});

/**
 * Rows of `weight` (`vocab features`) picked by integer `ids` (any shape).
 *
 * Ids are on the device, so an id outside the vocabulary cannot throw here: its row comes out as NaN.
 */
export function embedding(ids: Tensor, weight: Tensor): Tensor {
  return embeddingOp({ ids, weight }).y;
}
