import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { embeddingOp } from "./embedding.ts";

export const embeddingKernel = defineKernel(embeddingOp, {
  module: kernels,
  entry: "embedding",
  units: ({ rows }) => rows,
  cost: ({ features }) => features,
  args: ({ dims: { vocab, features }, inputs, outputs }) => [vocab, features, inputs.ids, inputs.weight, outputs.y],
});
