import { defineKernel, f32Bits } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { crossEntropyOp } from "./cross-entropy.ts";

/** Of `cross-entropy.rows.as.ts`. */
const BLOCK = 1024;

export const crossEntropyKernel = defineKernel(crossEntropyOp, {
  module: kernels,
  entry: "crossEntropy",
  units: ({ rows }) => rows,
  cost: ({ vocab }) => vocab * 4,
  scratch: () => BLOCK * 4,
  args: ({ dims: { vocab }, attributes: { ignoreIndex, labelSmoothing }, inputs, outputs }) => [
    vocab,
    ignoreIndex,
    f32Bits(labelSmoothing),
    inputs.logits,
    inputs.labels,
    outputs.loss,
  ],
});
