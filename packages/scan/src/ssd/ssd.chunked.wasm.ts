import { defineKernel, f32Bits } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { ssd } from "./ssd.ts";

/** Steps of a chunk where the call names no number: a multiple of the six rows of a tile. */
const CHUNK = 96;
/** The fewest steps, and channels of a head, for which products pay. */
const FEWEST = 16;

export interface Sizes {
  readonly batch: number;
  readonly time: number;
  readonly heads: number;
  readonly headDim: number;
  readonly groups: number;
  readonly state: number;
}
export interface Chunking {
  readonly chunkSize: number;
}

/** Whether a call is computed in chunks: it is if it names their size. */
export function isChunked({ time, headDim }: Sizes, { chunkSize }: Chunking): boolean {
  return chunkSize > 0 || (time >= FEWEST && headDim >= FEWEST);
}

/** Steps of a chunk; no more than there are, so that a short sequence takes little memory. */
export function chunkOf({ time }: Sizes, { chunkSize }: Chunking, usual = CHUNK): number {
  return Math.max(1, Math.min(chunkSize || usual, time));
}

/** The least multiple of `step` that is not below `count`. */
export function upTo(step: number, count: number): number {
  return Math.ceil(count / step) * step;
}

/** Chunks of all groups, and what the workspace holds of each. */
const unitsOf = (dims: Sizes, chunk: number) => dims.batch * Math.ceil(dims.time / chunk) * dims.groups;

function layout(dims: Sizes, chunk: number, workspace: number) {
  const rows = unitsOf(dims, chunk) * upTo(6, chunk);
  const scores = workspace + rows * dims.state * 4;
  const finite = scores + rows * chunk * 4;
  return { packedC: workspace, scores, finite, end: finite + unitsOf(dims, chunk) * 4 };
}

export const ssdChunkedForward = defineKernel(ssd, {
  module: kernels,
  suits: isChunked,
  entry: "ssdScores",
  units: (dims, attributes) => unitsOf(dims, chunkOf(dims, attributes)),
  cost: (dims, attributes) => chunkOf(dims, attributes) ** 2 * dims.state,
  workspace: (dims, attributes) => layout(dims, chunkOf(dims, attributes), 0).end,
  // rows of B and C, and B once more; a block of scores
  scratch: (dims, attributes) => ((3 * chunkOf(dims, attributes) + 8) * dims.state + 6 * chunkOf(dims, attributes)) * 4,
  args: ({ dims, attributes, inputs, workspace }) => {
    const chunk = chunkOf(dims, attributes);
    const { packedC, scores, finite } = layout(dims, chunk, workspace);
    return [dims.time, dims.groups, dims.state, chunk, inputs.B, inputs.C, inputs.mask, packedC, scores, finite];
  },
  passes: [
    {
      entry: "ssdChunked",
      units: ({ batch, heads }) => batch * heads,
      cost: ({ time, headDim, state }) => time * headDim * state * 2,
      scratch: (dims, attributes) => {
        const chunk = chunkOf(dims, attributes);
        const channels = upTo(8, dims.headDim);
        const ofSteps = 3 * upTo(4, chunk) + 4; // step sizes, decays, a row of L
        const ofChunk = (channels + dims.state + 6 + 6) * chunk; // u, B, a block of weights
        return (channels * dims.state + ofSteps + ofChunk + 12 * channels) * 4;
      },
      args: ({ dims, attributes, inputs, outputs, workspace }) => {
        const chunk = chunkOf(dims, attributes);
        const { packedC, scores, finite } = layout(dims, chunk, workspace);
        return [
          dims.time,
          dims.heads,
          dims.headDim,
          dims.groups,
          dims.state,
          chunk,
          inputs.u,
          inputs.delta,
          inputs.A,
          inputs.B,
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
          packedC,
          scores,
          finite,
          Number(attributes.deltaSoftplus),
          f32Bits(attributes.deltaMin),
          f32Bits(attributes.deltaMax),
        ];
      },
    },
  ],
});
