import { repeatOp, sumAxisOp } from "@elapid/tensor";
import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";

export const repeatKernels = [
  defineKernel(repeatOp, {
    module: kernels,
    entry: "repeat",
    units: ({ outer }) => outer,
    args: ({ dims: { count, inner }, inputs, outputs }) => [count, inner, inputs.x, outputs.y],
  }),
  defineKernel(sumAxisOp, {
    module: kernels,
    entry: "sumAxis",
    units: ({ outer }) => outer,
    args: ({ dims: { length, inner }, inputs, outputs }) => [length, inner, inputs.x, outputs.y],
  }),
];
