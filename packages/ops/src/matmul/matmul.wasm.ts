import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { matmulOp } from "./matmul.ts";

export const matmulRowsKernel = defineKernel(matmulOp, {
  module: kernels,
  entry: "matmulRows",
  units: ({ out }) => out,
  grain: 8,
  cost: ({ rows, in: inner }) => rows * inner,
  args: ({ dims: { rows, in: inner, out }, inputs: { x, weight, bias }, outputs: { y } }) => [
    x, weight, bias, y, rows, inner, out,
  ],
});
