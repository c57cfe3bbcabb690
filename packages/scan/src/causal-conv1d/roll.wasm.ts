import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { roll } from "./roll.ts";

export const rollKernel = defineKernel(roll, {
  module: kernels,
  entry: "roll",
  units: ({ batch, inner, window }) => (window === 0 ? 0 : batch * inner),
  args: ({ dims: { inner, window }, attributes: { offset, sign }, inputs, outputs }) => [
    inner,
    window,
    inputs.x,
    inputs.shift,
    outputs.y,
    offset,
    sign,
  ],
});
