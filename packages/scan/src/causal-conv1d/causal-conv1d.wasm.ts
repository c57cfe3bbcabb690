import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { causalConv1d } from "./causal-conv1d.ts";

/** Channels of a unit; `CHANNELS` in `causal-conv1d.forward.as.ts`. */
const CHANNELS = 128;

const causalConv1dForward = defineKernel(causalConv1d, {
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

/** One token, after a state. */
const causalConv1dToken = defineKernel(causalConv1d, {
  module: kernels,
  entry: "causalConv1dToken",
  suits: ({ time, inner, width }, _, given) =>
    time === 1 && width === 4 && inner % 4 === 0 && given.has("initialState") && !given.has("mask"),
  units: ({ batch, inner }) => batch * (inner / 4),
  grain: 4,
  cost: () => 32,
  args: ({ dims: { inner }, attributes: { activation }, inputs, outputs }) => [
    ...[inner, inputs.x, inputs.weight, inputs.bias, inputs.initialState],
    ...[outputs.y, outputs.finalState, Number(activation === "silu")],
  ],
});

/** The kernels of the forward pass. */
export const causalConv1dKernels = [causalConv1dToken, causalConv1dForward];
