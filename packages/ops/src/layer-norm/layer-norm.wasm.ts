import { defineKernel, f32Bits } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { layerNormOp } from "./layer-norm.ts";

export const layerNormKernel = defineKernel(layerNormOp, {
  module: kernels,
  entry: "layerNorm",
  units: ({ rows }) => rows,
  args: ({ dims: { features }, attributes: { eps }, inputs, outputs }) => [
    features,
    f32Bits(eps),
    inputs.x,
    inputs.weight,
    inputs.bias,
    outputs.y,
  ],
});
