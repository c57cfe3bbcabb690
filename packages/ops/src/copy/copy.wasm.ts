import { concatOp, sliceOp } from "@elapid/tensor";
import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";

export const sliceKernel = defineKernel(sliceOp, {
  module: kernels,
  entry: "slice",
  units: ({ outer }) => outer,
  args: ({ dims: { full, part, inner }, attributes: { start }, inputs, outputs }) => [
    full,
    part,
    inner,
    start,
    inputs.x,
    outputs.y,
  ],
});

export const concatKernel = defineKernel(concatOp, {
  module: kernels,
  entry: "concat",
  units: ({ outer }) => outer,
  args: ({ dims: { first, second, inner }, inputs, outputs }) => [first, second, inner, inputs.a, inputs.b, outputs.y],
});
