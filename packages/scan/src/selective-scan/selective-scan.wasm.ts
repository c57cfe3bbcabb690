import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { selectiveScanOp } from "./selective-scan.ts";
import { isSharedByChannels } from "./shared-rows.ts";

/** Channels of a unit; `CHANNELS` in `selective-scan.forward.as.ts`. */
const CHANNELS = 16;

export const selectiveScanForward = defineKernel(selectiveScanOp, {
  module: kernels,
  entry: "selectiveScanForward",
  units: ({ batch, inner }) => batch * Math.ceil(inner / CHANNELS),
  suits: (dims, _, given) => isSharedByChannels(dims) && !given.has("seqIdx"),
  // an exponential costs about as much as ten multiply-adds
  cost: ({ time, state }) => time * CHANNELS * state * 13,
  // the state, the rows of A, the step sizes of a row
  scratch: ({ state }) => (2 * state + 1) * CHANNELS * 4,
  args: ({ dims: { time, inner, state }, attributes: { deltaSoftplus }, inputs, outputs }) => [
    time,
    inner,
    state,
    inputs.u,
    inputs.delta,
    inputs.A,
    inputs.B,
    inputs.C,
    inputs.D,
    inputs.z,
    inputs.deltaBias,
    inputs.initialState,
    inputs.mask,
    outputs.y,
    outputs.finalState,
    Number(deltaSoftplus),
  ],
});
