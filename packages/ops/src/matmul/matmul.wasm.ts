import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { matmulOp } from "./matmul.ts";

const common = {
  module: kernels,
  units: ({ out }: { readonly out: number }) => out,
  cost: ({ rows, in: inner }: { readonly rows: number; readonly in: number }) => rows * inner,
};

/** Of the two, the first takes one row, the other one more. */
export const matmulKernels = [
  defineKernel(matmulOp, {
    ...common,
    entry: "matmulRow",
    grain: 8,
    suits: ({ rows }) => rows === 1,
    streams: true,
    args: ({ dims, inputs: { x, weight, bias }, outputs: { y } }) => [x, weight, bias, y, dims.in],
  }),
  defineKernel(matmulOp, {
    ...common,
    entry: "matmulTiled",
    grain: 6,
    args: ({ dims, inputs: { x, weight, bias }, outputs: { y } }) => [x, weight, bias, y, dims.rows, dims.in, dims.out],
  }),
];
