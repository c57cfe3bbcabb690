import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { causalConv1dBackward } from "./causal-conv1d.backward.ts";

/** Channels of a unit; `CHANNELS` in `causal-conv1d.backward.as.ts`. */
const CHANNELS = 64;
/** Steps at once; `STEPS` there. */
const STEPS = 16;

export const causalConv1dBackwardKernel = defineKernel(causalConv1dBackward, {
  module: kernels,
  entry: "causalConv1dBackward",
  units: ({ inner }) => Math.ceil(inner / CHANNELS),
  cost: ({ batch, time, width }) => batch * time * CHANNELS * width * 3,
  // taps, windows, their gradients and the sums; sums of the bias; rows of the window; of the steps at once, gradients by the
  // sums, sums, as much to spare, and inputs with those before
  scratch: ({ width }) => (4 * width + 1 + 4 * STEPS + 3) * CHANNELS * 4 + width * 4,
  args: ({ dims: { batch, time, inner, width }, attributes: { activation }, inputs, outputs }) => [
    batch,
    time,
    inner,
    width,
    inputs.x,
    inputs.weight,
    inputs.bias,
    inputs.initialState,
    inputs.mask,
    inputs.seqIdx,
    inputs.dy,
    inputs.dfinalState,
    outputs.dx,
    outputs.dweight,
    outputs.dbias,
    outputs.dinitialState,
    Number(activation === "silu"),
  ],
});
