import type { ReferenceCall } from "@elapid/tensor";

export function embeddingReference({
  dims: { rows, vocab, features },
  inputs: { ids, weight },
  outputs: { y },
}: ReferenceCall<"rows vocab features", "ids:i32 weight", "y">): void {
  for (let r = 0; r < rows; r++) {
    const id = ids[r];
    const known = id >= 0 && id < vocab;
    for (let f = 0; f < features; f++) y[r * features + f] = known ? weight[id * features + f] : NaN;
  }
}
