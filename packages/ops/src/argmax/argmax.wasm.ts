import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { argmaxOp } from "./argmax.ts";

export const argmaxKernel = defineKernel(argmaxOp, {
  module: kernels,
  entry: "argmax",
  units: ({ rows }) => rows,
  cost: ({ features }) => features,
  args: ({ dims: { features }, inputs, outputs }) => [features, inputs.x, outputs.index],
});
