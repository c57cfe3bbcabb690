import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { embeddingOp } from "./embedding.ts";

const common = {
  module: kernels,
  units: ({ rows }: { readonly rows: number }) => rows,
  cost: ({ features }: { readonly features: number }) => features,
};

/** What `embedding.weights.as.ts` calls the types. */
const BITS = { f16: 16, bf16: 17, q8: 8, q4: 4 } as const;

export const embeddingKernels = [
  defineKernel(embeddingOp, {
    ...common,
    entry: "embedding",
    args: ({ dims: { vocab, features }, inputs, outputs }) => [vocab, features, inputs.ids, inputs.weight, outputs.y],
  }),
  ...(["f16", "bf16", "q8", "q4"] as const).map((dtype) =>
    defineKernel(embeddingOp, {
      ...common,
      dtypes: { weight: dtype },
      entry: "embeddingWeights",
      args: ({ dims: { vocab, features }, inputs: { ids, weight }, outputs: { y } }) => [
        ...[vocab, features, BITS[dtype]],
        ...[ids, weight, y],
      ],
    }),
  ),
];
