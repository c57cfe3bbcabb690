import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { embeddingBackward } from "./embedding.backward.ts";

/** Features of a unit; `FEATURES` in `embedding.backward.as.ts`. */
const FEATURES = 32;

export const embeddingBackwardKernel = defineKernel(embeddingBackward, {
  module: kernels,
  entry: "embeddingBackward",
  units: ({ features }) => Math.ceil(features / FEATURES),
  cost: ({ rows, vocab }) => (rows + vocab) * FEATURES,
  args: ({ dims: { rows, vocab, features }, inputs, outputs }) => [
    rows,
    vocab,
    features,
    inputs.ids,
    inputs.dy,
    outputs.dweight,
  ],
});
