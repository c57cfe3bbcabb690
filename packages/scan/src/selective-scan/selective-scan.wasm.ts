import { defineKernel, type KernelDefinition } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { selectiveScanOp } from "./selective-scan.ts";
import { extentsOfB, extentsOfC, groupsPerStep, type ScanDims } from "./shared-rows.ts";

/** Channels of a unit; `CHANNELS` in `selective-scan.forward.as.ts`, and in `.token.as.ts`. */
const CHANNELS = 64;
const TOKEN_CHANNELS = 16;
/** Steps at once; `CHUNK` in the former. */
const CHUNK = 32;

type Sizes = ScanDims & { readonly state: number; readonly complex?: number };
type Input = "u" | "delta" | "A" | "B" | "C" | "D" | "z" | "deltaBias" | "initialState" | "mask" | "seqIdx";
type Output = "y" | "finalState";

/** The kernel of the complex scan too, whose numbers count as two. */
export const scanDefinition: KernelDefinition<Sizes, { readonly deltaSoftplus: boolean }, Input, Output> = {
  module: kernels,
  entry: "selectiveScanForward",
  units: ({ batch, inner }) => batch * Math.ceil(inner / CHANNELS),
  // an exponential costs about as much as ten multiply-adds
  cost: ({ time, state, complex = 1 }) => time * CHANNELS * state * complex * 13,
  // the decays; the state, the rows of A, B and C; peaks; step sizes, inputs and outputs of a chunk, and as much to spare
  scratch: ({ state, complex = 1 }) => (8 * state * complex + (4 * state * complex + 1 + 4 * CHUNK) * CHANNELS) * 4,
  args: ({ dims, attributes, inputs, outputs }) => [
    dims.time,
    dims.inner,
    dims.state,
    Number(dims.complex === 2),
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
    Number(attributes.deltaSoftplus),
  ],
};

const selectiveScanForward = defineKernel(selectiveScanOp, scanDefinition);

/** One token after a state, whose channels share a row of `B` and one of `C`. */
const selectiveScanToken = defineKernel(selectiveScanOp, {
  module: kernels,
  entry: "selectiveScanToken",
  suits: (dims, _, given) =>
    dims.time === 1 &&
    dims.state % 4 === 0 &&
    groupsPerStep(extentsOfB(dims), dims.inner) === 1 &&
    groupsPerStep(extentsOfC(dims), dims.inner) === 1 &&
    given.has("initialState") &&
    !given.has("mask"),
  units: ({ batch, inner }) => batch * Math.ceil(inner / TOKEN_CHANNELS),
  cost: ({ state }) => TOKEN_CHANNELS * state * 8,
  scratch: () => TOKEN_CHANNELS * 4,
  args: ({ dims: { inner, state }, attributes, inputs, outputs }) => [
    ...[inner, state, inputs.u, inputs.delta, inputs.A, inputs.B, inputs.C],
    ...[inputs.D, inputs.z, inputs.deltaBias, inputs.initialState],
    ...[outputs.y, outputs.finalState, Number(attributes.deltaSoftplus)],
  ],
});

/** The kernels of the forward pass. */
export const selectiveScanKernels = [selectiveScanToken, selectiveScanForward];
