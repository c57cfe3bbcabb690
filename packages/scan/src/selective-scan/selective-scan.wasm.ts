import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { selectiveScanOp } from "./selective-scan.ts";
import { extentsOfB, extentsOfC, groupsPerStep } from "./shared-rows.ts";

/** Channels of a unit; `CHANNELS` in `selective-scan.forward.as.ts`. */
const CHANNELS = 16;

export const selectiveScanForward = defineKernel(selectiveScanOp, {
  module: kernels,
  entry: "selectiveScanForward",
  units: ({ batch, inner }) => batch * Math.ceil(inner / CHANNELS),
  // an exponential costs about as much as ten multiply-adds
  cost: ({ time, state }) => time * CHANNELS * state * 13,
  // the state, the rows of A, B and C, the step sizes of a row
  scratch: ({ state }) => (4 * state + 1) * CHANNELS * 4,
  args: ({ dims, attributes: { deltaSoftplus }, inputs, outputs }) => [
    dims.time,
    dims.inner,
    dims.state,
    groupsPerStep(extentsOfB(dims), dims.inner),
    groupsPerStep(extentsOfC(dims), dims.inner),
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
    inputs.seqIdx,
    outputs.y,
    outputs.finalState,
    Number(deltaSoftplus),
  ],
});
