import { defineKernel, f32Bits } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { mamba3StepsBackward } from "./mamba3-steps.backward.ts";
import { mamba3Steps } from "./mamba3-steps.ts";

/** Columns of a unit of `sumRows`. */
const COLUMNS = 64;

export const mamba3StepsKernel = defineKernel(mamba3Steps, {
  module: kernels,
  entry: "mamba3Steps",
  units: ({ batch, time }) => batch * time,
  cost: ({ heads, pairs }) => heads * (20 + pairs),
  args: ({ dims: { heads, pairs }, attributes: { floor }, inputs, outputs }) => [
    heads,
    pairs,
    inputs.rawDelta,
    inputs.rawA,
    inputs.deltaBias,
    inputs.angles,
    outputs.delta,
    outputs.logDecay,
    outputs.headAngles,
    f32Bits(floor),
  ],
});

export const mamba3StepsBackwardKernel = defineKernel(mamba3StepsBackward, {
  module: kernels,
  entry: "mamba3StepsBackward",
  units: ({ batch, time }) => batch * time,
  cost: ({ heads, pairs }) => heads * (40 + pairs),
  args: ({ dims: { heads, pairs }, attributes: { floor }, inputs, outputs }) => [
    heads,
    pairs,
    inputs.rawDelta,
    inputs.rawA,
    inputs.deltaBias,
    inputs.ddelta,
    inputs.dlogDecay,
    inputs.dheadAngles,
    outputs.drawDelta,
    outputs.drawA,
    outputs.dangles,
    f32Bits(floor),
  ],
  passes: [
    {
      entry: "sumRows",
      units: ({ heads }) => Math.ceil(heads / COLUMNS),
      cost: ({ batch, time }) => batch * time * COLUMNS,
      scratch: () => COLUMNS * 8,
      args: ({ dims: { batch, time, heads }, outputs }) => [batch * time, heads, outputs.drawDelta, outputs.ddeltaBias],
    },
  ],
});
