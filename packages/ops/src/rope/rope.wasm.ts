import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { ropeOp } from "./rope.ts";

export const ropeKernel = defineKernel(ropeOp, {
  module: kernels,
  entry: "rope",
  units: ({ batch, time, heads }) => batch * time * heads,
  args: ({
    dims: { time, heads, headDim, pairs },
    attributes: { inverse },
    inputs: { x, cos, sin },
    outputs: { y },
  }) => [time, heads, headDim, pairs, Number(inverse), x, cos, sin, y],
});
