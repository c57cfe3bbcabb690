import { defineKernel, f32Bits } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { sumRowsPass } from "../sum-rows/sum-rows.wasm.ts";
import { rmsNormBackward } from "./rms-norm.backward.ts";

/** Rows of a unit; `ROWS` in `rms-norm.backward.as.ts`. */
const ROWS = 32;
interface Sizes {
  readonly rows: number;
  readonly features: number;
}
const blocks = ({ rows }: Sizes) => Math.ceil(rows / ROWS);

export const rmsNormBackwardKernel = defineKernel(rmsNormBackward, {
  module: kernels,
  entry: "rmsNormBackward",
  units: blocks,
  cost: ({ features }) => ROWS * features * 4,
  workspace: (dims) => blocks(dims) * dims.features * 4,
  args: ({ dims: { rows, features }, attributes: { eps }, inputs, outputs, workspace }) => [
    rows,
    features,
    f32Bits(eps),
    inputs.x,
    inputs.weight,
    inputs.dy,
    outputs.dx,
    workspace,
  ],
  passes: [
    {
      ...sumRowsPass(blocks, ({ features }: Sizes) => features),
      args: ({ dims, outputs, workspace }) => [blocks(dims), dims.features, workspace, outputs.dweight],
    },
  ],
});
