import { defineKernel, f32Bits } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { addRmsNormOp, rmsNormOp } from "./rms-norm.ts";

export const rmsNormKernel = defineKernel(rmsNormOp, {
  module: kernels,
  entry: "rmsNorm",
  units: ({ rows }) => rows,
  args: ({ dims: { features }, attributes: { eps }, inputs, outputs }) => [
    features,
    f32Bits(eps),
    inputs.x,
    inputs.weight,
    outputs.y,
  ],
});

export const addRmsNormKernel = defineKernel(addRmsNormOp, {
  module: kernels,
  entry: "addRmsNorm",
  units: ({ rows }) => rows,
  args: ({ dims: { features }, attributes: { eps }, inputs, outputs }) => [
    features,
    f32Bits(eps),
    inputs.x,
    inputs.residual,
    inputs.weight,
    outputs.y,
    outputs.sum,
  ],
});
