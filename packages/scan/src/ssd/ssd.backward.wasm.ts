import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { backwardPasses, ofBatch, ofHeads, unitsOf } from "./ssd.backward.passes.wasm.ts";
import { ssdBackward } from "./ssd.backward.ts";
import type { Sizes } from "./ssd.chunked.wasm.ts";

/** Steps between the states that are kept; `CHUNK` in `ssd.backward.as.ts`. */
const CHUNK = 32;

const ofB = ({ batch, time, groups, state }: Sizes) => batch * time * groups * state;
const headsOfGroup = ({ heads, groups }: Sizes) => heads / groups;

const { workspace, at, steps, stepGradients, sums } = backwardPasses({
  dB: { rows: headsOfGroup, size: ofB },
  dC: { rows: headsOfGroup, size: ofB },
  dD: { rows: ofBatch, size: ofHeads },
  dchannelD: { rows: ofBatch, size: ({ heads, headDim }: Sizes) => heads * headDim },
});

export const ssdBackwardKernel = defineKernel(ssdBackward, {
  module: kernels,
  ...steps,
  workspace,
  passes: [
    {
      entry: "ssdBackward",
      units: unitsOf,
      cost: ({ time, headDim, state }) => time * headDim * state * 11,
      scratch: ({ time, headDim, state }) => {
        const channels = Math.ceil(headDim / 4) * 4;
        const borders = Math.max(1, Math.ceil(time / CHUNK)) * channels * state;
        const ofChunk = 8 * CHUNK + (3 * CHUNK + 1) * 4 * state; // sums of each step; sums and states of four channels
        return (channels * (state + 1) + borders + ofChunk) * 4;
      },
      args: (call) => [
        call.dims.batch,
        call.dims.time,
        call.dims.heads,
        call.dims.headDim,
        call.dims.groups,
        call.dims.state,
        call.inputs.u,
        call.inputs.B,
        call.inputs.C,
        call.inputs.D,
        call.inputs.channelD,
        call.inputs.z,
        call.inputs.initialState,
        call.inputs.dy,
        call.inputs.dfinalState,
        call.outputs.du,
        call.outputs.dz,
        call.outputs.dinitialState,
        ...(["records", "dB", "dC", "dD", "dchannelD"] as const).map((name) => at(name, call)),
      ],
    },
    stepGradients,
    ...sums("dA", "ddeltaBias", "dB", "dC", "dD", "dchannelD"),
  ],
});
