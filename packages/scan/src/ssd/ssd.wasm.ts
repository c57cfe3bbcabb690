import { defineKernel, f32Bits } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { ssdChunkedForward } from "./ssd.chunked.wasm.ts";
import { ssd } from "./ssd.ts";

/** Steps whose sizes are computed together; `CHUNK` in `ssd.forward.as.ts`. */
const CHUNK = 32;

const ssdForward = defineKernel(ssd, {
  module: kernels,
  entry: "ssdForward",
  units: ({ batch, heads }) => batch * heads,
  cost: ({ time, headDim, state }) => time * headDim * state * 3,
  // the state of a head, and step size and decay of each step
  scratch: ({ headDim, state }) => (Math.ceil(headDim / 4) * 4 * state + 2 * CHUNK) * 4,
  args: ({ dims: { time, heads, headDim, groups, state }, attributes, inputs, outputs }) => [
    time,
    heads,
    headDim,
    groups,
    state,
    inputs.u,
    inputs.delta,
    inputs.A,
    inputs.B,
    inputs.C,
    inputs.D,
    inputs.channelD,
    inputs.z,
    inputs.deltaBias,
    inputs.logDecay,
    inputs.initialState,
    inputs.mask,
    inputs.seqIdx,
    outputs.y,
    outputs.finalState,
    Number(attributes.deltaSoftplus),
    f32Bits(attributes.deltaMin),
    f32Bits(attributes.deltaMax),
  ],
});

/** Of two that suit, the first runs. */
export const ssdKernels = [ssdChunkedForward, ssdForward];
