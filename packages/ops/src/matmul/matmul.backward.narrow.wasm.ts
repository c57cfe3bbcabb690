import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { matmulInputGradient } from "./matmul.backward.ts";

// of `matmul.backward.narrow.as.ts`
const ROWS = 6;
const DEPTH = 256;
const GROUPS = 20;
const BLOCK = 32;

/** Gradients through weights that are not f32; the weights themselves are not trained. */
export const matmulNarrowBackwardKernels = (["f16", "bf16", "q8", "q4"] as const).map((dtype, kind) =>
  defineKernel(matmulInputGradient, {
    module: kernels,
    dtypes: { weight: dtype },
    entry: "matmulInputGradientNarrow",
    units: ({ rows }) => Math.ceil(rows / ROWS),
    cost: ({ in: inner, out }) => ROWS * inner * out,
    scratch: () => (GROUPS * ROWS + BLOCK) * DEPTH * 4,
    args: ({ dims: { rows, out, in: inner }, inputs: { dy, weight }, outputs: { dx } }) => [
      ...[rows, out, inner],
      ...[dy, weight, dx, kind],
    ],
  }),
);
