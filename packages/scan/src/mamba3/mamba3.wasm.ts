import { defineKernel, f32Bits } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { mamba3StepsKernel } from "../mamba3-steps/mamba3-steps.wasm.ts";
import { mamba3 } from "./mamba3.ts";

const mamba3Forward = defineKernel(mamba3, {
  module: kernels,
  entry: "mamba3Forward",
  units: ({ batch, heads }) => batch * heads,
  cost: ({ time, headDim, rank, state, pairs }) => time * (headDim * state * (1 + 3 * rank) + 30 * pairs),
  scratch: ({ headDim, rank, state, pairs }) => {
    const padded = Math.ceil(headDim / 4) * 4;
    // theta in 64 bits, its cosine and sine; the state; x, x of the last step and the output of each rank; B, B of the last step and C
    return Math.ceil(pairs / 4) * 64 + (padded * state + 3 * rank * padded + 3 * rank * state) * 4;
  },
  args: ({ dims: { time, heads, headDim, rank, groups, state, pairs }, attributes, inputs, outputs }) => [
    time,
    heads,
    headDim,
    rank,
    groups,
    state,
    pairs,
    inputs.x,
    inputs.B,
    inputs.C,
    inputs.logDecay,
    inputs.delta,
    inputs.trap,
    inputs.angles,
    inputs.BBias,
    inputs.CBias,
    inputs.D,
    inputs.z,
    inputs.xProjection,
    inputs.zProjection,
    inputs.yProjection,
    inputs.normWeight,
    inputs.initialState,
    inputs.initialB,
    inputs.initialX,
    inputs.initialAngle,
    inputs.mask,
    inputs.seqIdx,
    outputs.y,
    outputs.finalState,
    outputs.finalB,
    outputs.finalX,
    outputs.finalAngle,
    Number(attributes.rotation === "halved"),
    Number(attributes.wrapAngles),
    Number(attributes.trapSigmoid),
    f32Bits(attributes.normEps),
  ],
});

/** With what plans its steps. */
export const mamba3Kernels = [mamba3StepsKernel, mamba3Forward];
