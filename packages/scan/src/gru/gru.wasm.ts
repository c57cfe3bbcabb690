import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { pairsOf } from "../rnn/rnn.wasm.ts";
import { gru } from "./gru.ts";

export const gruForward = defineKernel(gru, {
  module: kernels,
  entry: "gruForward",
  units: pairsOf,
  cost: ({ time, hidden }) => 6 * time * hidden * hidden,
  // states and products, padded; kinds of the steps
  scratch: ({ time, hidden }) => 32 * (hidden + 3) + 8 * time,
  args: ({ dims: { batch, time, hidden }, inputs, outputs }) => [
    batch,
    time,
    hidden,
    inputs.x,
    inputs.weight,
    inputs.bias,
    inputs.initialState,
    inputs.mask,
    inputs.seqIdx,
    outputs.y,
    outputs.finalState,
  ],
});
