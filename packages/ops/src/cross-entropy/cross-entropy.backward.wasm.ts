import { defineKernel, f32Bits } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { crossEntropyBackward } from "./cross-entropy.backward.ts";

export const crossEntropyBackwardKernel = defineKernel(crossEntropyBackward, {
  module: kernels,
  entry: "crossEntropyBackward",
  units: ({ rows }) => rows,
  cost: ({ vocab }) => vocab * 5,
  args: ({ dims: { vocab }, attributes: { ignoreIndex, labelSmoothing }, inputs, outputs }) => [
    vocab,
    ignoreIndex,
    f32Bits(labelSmoothing),
    inputs.logits,
    inputs.labels,
    inputs.dloss,
    outputs.dlogits,
  ],
});
