import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { rnn } from "./rnn.ts";

/** Units of a kernel that takes sequences two by two. */
export const pairsOf = ({ batch }: { readonly batch: number }): number => Math.ceil(batch / 2);

export const rnnForward = defineKernel(rnn, {
  module: kernels,
  entry: "rnnForward",
  units: pairsOf,
  cost: ({ time, hidden }) => 2 * time * hidden * hidden,
  // states and products, padded; kinds of the steps
  scratch: ({ time, hidden }) => 16 * (hidden + 3) + 8 * time,
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
