import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { quantiseOp } from "./quantise.ts";

/** Rows of a group, as `tensor/src/weights/blocks.ts` lays them out. */
const GROUP = 8;

export const quantiseKernel = defineKernel(quantiseOp, {
  module: kernels,
  entry: "quantise",
  units: ({ out }) => Math.ceil(out / GROUP),
  cost: (dims) => GROUP * dims.in,
  scratch: () => 128,
  args: ({ dims, attributes: { bits }, inputs: { weight }, outputs: { words } }) => [
    ...[weight, words],
    ...[dims.out, dims.in, bits],
  ],
});
