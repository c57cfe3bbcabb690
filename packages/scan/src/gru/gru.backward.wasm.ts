import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { pairsOf } from "../rnn/rnn.wasm.ts";
import { gruBackward } from "./gru.backward.ts";

export const gruBackwardKernel = defineKernel(gruBackward, {
  module: kernels,
  entry: "gruBackward",
  units: pairsOf,
  cost: ({ time, hidden }) => 6 * time * hidden * hidden,
  // gradients by the states; kinds of the steps
  scratch: ({ time, hidden }) => 8 * hidden + 8 * time,
  args: ({ dims: { batch, time, hidden }, inputs, outputs }) => [
    batch,
    time,
    hidden,
    inputs.x,
    inputs.weight,
    inputs.product,
    inputs.before,
    inputs.mask,
    inputs.seqIdx,
    inputs.dy,
    inputs.dfinalState,
    outputs.dx,
    outputs.dproduct,
    outputs.dinitialState,
  ],
});
