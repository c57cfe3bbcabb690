import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { ropeAngles } from "./rope.angles.ts";
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

export const ropeAnglesKernel = defineKernel(ropeAngles, {
  module: kernels,
  entry: "ropeAngles",
  units: ({ rows }) => rows,
  cost: ({ pairs }) => 8 * pairs,
  args: ({ dims: { levels, digits, pairs }, inputs, outputs }) => [
    levels,
    digits,
    pairs,
    inputs.position,
    inputs.cosDigits,
    inputs.sinDigits,
    outputs.cos,
    outputs.sin,
  ],
});
