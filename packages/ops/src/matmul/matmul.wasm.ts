import { defineKernel, type KernelDefinition } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { matmulOp } from "./matmul.ts";

/** Rows up to which streaming the weights past each row costs no more than fetching them. */
const FEW_ROWS = 8;

type Dims = { readonly rows: number; readonly in: number; readonly out: number };

const common = {
  module: kernels,
  units: ({ out }: Dims) => out,
  cost: ({ rows, in: inner }: Dims) => rows * inner,
  args: ({ dims: { rows, in: inner, out }, inputs: { x, weight, bias }, outputs: { y } }) => [
    x,
    weight,
    bias,
    y,
    rows,
    inner,
    out,
  ],
} satisfies Partial<KernelDefinition<Dims, object, "x" | "weight" | "bias", "y">>;

export const matmulKernels = [
  defineKernel(matmulOp, { ...common, entry: "matmulRows", grain: 8, suits: ({ rows }) => rows <= FEW_ROWS }),
  defineKernel(matmulOp, { ...common, entry: "matmulTiled", grain: 6 }),
];
