import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { rnnBackward } from "./rnn.backward.ts";
import { pairsOf } from "./rnn.wasm.ts";
import { statesBefore } from "./states-before.ts";

export const rnnBackwardKernels = [
  defineKernel(rnnBackward, {
    module: kernels,
    entry: "rnnBackward",
    units: pairsOf,
    cost: ({ time, hidden }) => 2 * time * hidden * hidden,
    // gradients by the states; kinds of the steps
    scratch: ({ time, hidden }) => 8 * hidden + 8 * time,
    args: ({ dims: { batch, time, hidden }, inputs, outputs }) => [
      batch,
      time,
      hidden,
      inputs.weight,
      inputs.y,
      inputs.mask,
      inputs.seqIdx,
      inputs.dy,
      inputs.dfinalState,
      outputs.dx,
      outputs.dinitialState,
    ],
  }),
  defineKernel(statesBefore, {
    module: kernels,
    entry: "statesBefore",
    units: ({ batch }) => batch,
    cost: ({ time, hidden }) => time * hidden,
    scratch: ({ time }) => 4 * time,
    args: ({ dims: { time, hidden }, inputs, outputs }) => [
      time,
      hidden,
      inputs.y,
      inputs.initialState,
      inputs.mask,
      inputs.seqIdx,
      outputs.before,
    ],
  }),
];
