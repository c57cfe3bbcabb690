import { defineKernel, f32Bits } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { sumRowsPass } from "../sum-rows/sum-rows.wasm.ts";
import { layerNormBackward } from "./layer-norm.backward.ts";

/** Rows of a unit; `ROWS` in `layer-norm.backward.as.ts`. */
const ROWS = 32;
interface Sizes {
  readonly rows: number;
  readonly features: number;
}
const blocks = ({ rows }: Sizes) => Math.ceil(rows / ROWS);
/** Bytes of the partial sums of `weight`; those of `bias` follow. */
const partialBytes = (dims: Sizes) => blocks(dims) * dims.features * 4;
const sumBlocks = sumRowsPass(blocks, ({ features }: Sizes) => features);

export const layerNormBackwardKernel = defineKernel(layerNormBackward, {
  module: kernels,
  entry: "layerNormBackward",
  units: blocks,
  cost: ({ features }) => ROWS * features * 8,
  workspace: (dims) => 2 * partialBytes(dims),
  args: ({ dims, attributes: { eps }, inputs, outputs, workspace }) => [
    dims.rows,
    dims.features,
    f32Bits(eps),
    inputs.x,
    inputs.weight,
    inputs.dy,
    outputs.dx,
    workspace,
    workspace + partialBytes(dims),
  ],
  passes: [
    {
      ...sumBlocks,
      args: ({ dims, outputs, workspace }) => [blocks(dims), dims.features, workspace, outputs.dweight],
    },
    {
      ...sumBlocks,
      args: ({ dims, outputs, workspace }) => [
        blocks(dims),
        dims.features,
        workspace + partialBytes(dims),
        outputs.dbias,
      ],
    },
  ],
});
