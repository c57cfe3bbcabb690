import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { causalConv1d } from "./causal-conv1d.ts";

/** Channels of a unit; `CHANNELS` in `causal-conv1d.forward.as.ts`. */
const CHANNELS = 32;

export const causalConv1dForward = defineKernel(causalConv1d, {
  module: kernels,
  entry: "causalConv1dForward",
  units: ({ batch, inner }) => batch * Math.ceil(inner / CHANNELS),
  cost: ({ time, width }) => time * CHANNELS * width,
  // the taps, and the windows
  scratch: ({ width }) => 2 * CHANNELS * width * 4,
  args: ({ dims: { time, inner, width }, attributes: { activation }, inputs, outputs }) => [
    time,
    inner,
    width,
    inputs.x,
    inputs.weight,
    inputs.bias,
    inputs.initialState,
    inputs.mask,
    inputs.seqIdx,
    outputs.y,
    outputs.finalState,
    Number(activation === "silu"),
  ],
});
