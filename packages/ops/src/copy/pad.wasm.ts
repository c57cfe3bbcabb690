import { padOp } from "@elapid/tensor";
import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";

export const padKernel = defineKernel(padOp, {
  module: kernels,
  entry: "pad",
  units: ({ outer }) => outer,
  args: ({ dims: { full, part, inner }, attributes: { start }, inputs, outputs }) => [
    full,
    part,
    inner,
    start,
    inputs.x,
    outputs.y,
  ],
});
