import { defineOp, ints, type ReferenceCall } from "@elapid/tensor";

/**
 * Declaration of the gradient of `embedding` by `weight`: each row is the sum of the gradients of the
 * places that looked it up, in their order. `weight` is asked for its shape only.
 */
export const embeddingBackward = defineOp({
  name: "embedding.backward",
  inputs: { ids: ints("..."), dy: "... features", weight: "vocab features" },
  outputs: { dweight: "vocab features" },
  reference: embeddingBackwardReference,
});

function embeddingBackwardReference({
  dims: { rows, vocab, features },
  inputs: { ids, dy },
  outputs: { dweight },
}: ReferenceCall<"rows vocab features", "ids:i32 dy weight", "dweight">): void {
  const sums = new Float64Array(vocab * features);
  for (let r = 0; r < rows; r++) {
    if (ids[r] < 0 || ids[r] >= vocab) continue;
    for (let f = 0; f < features; f++) sums[ids[r] * features + f] += dy[r * features + f];
  }
  dweight.set(sums);
}
