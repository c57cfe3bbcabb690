import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { normOp } from "./norm.ts";

/** Elements of a unit; `BLOCK` in `norm.blocks.as.ts`. */
const BLOCK = 4096;
const blocks = ({ rows }: { readonly rows: number }) => Math.ceil(rows / BLOCK);

export const normKernel = defineKernel(normOp, {
  module: kernels,
  entry: "normBlocks",
  units: blocks,
  workspace: (dims) => blocks(dims) * 8,
  args: ({ dims: { rows }, inputs, workspace }) => [rows, inputs.x, workspace],
  passes: [
    {
      entry: "normRoot",
      units: () => 1,
      args: ({ dims, outputs, workspace }) => [blocks(dims), workspace, outputs.y],
    },
  ],
});
