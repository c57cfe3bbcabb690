import { defineKernel, f32Bits } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { mamba3Backward } from "./mamba3.backward.ts";

// of `mamba3.backward.as.ts`
const CHUNK = 16;
/** Columns of a unit of `sumRows`. */
const COLUMNS = 64;

type Sizes = Readonly<Record<"batch" | "time" | "heads" | "headDim" | "rank" | "groups" | "state" | "pairs", number>>;

const ofVectors = ({ batch, time, rank, groups, state }: Sizes) => batch * time * rank * groups * state;
const ofBiases = ({ heads, rank, state }: Sizes) => heads * rank * state;
const ofProjections = ({ heads, rank, headDim }: Sizes) => heads * rank * headDim;
const headsOfGroup = ({ heads, groups }: Sizes) => heads / groups;
const ofBatch = ({ batch }: Sizes) => batch;

/** Partial sums, in the order in which they stand in the workspace: so many of each size. */
const partials = {
  dB: { rows: headsOfGroup, size: ofVectors },
  dC: { rows: headsOfGroup, size: ofVectors },
  dBBias: { rows: ofBatch, size: ofBiases },
  dCBias: { rows: ofBatch, size: ofBiases },
  dxProjection: { rows: ofBatch, size: ofProjections },
  dzProjection: { rows: ofBatch, size: ofProjections },
  dyProjection: { rows: ofBatch, size: ofProjections },
  dnormWeight: { rows: ofBatch, size: ({ heads, headDim }: Sizes) => heads * headDim },
  dD: { rows: ofBatch, size: ({ heads }: Sizes) => heads },
} as const;
type Summed = keyof typeof partials;
const summed = Object.keys(partials) as Summed[];

/** Bytes of the workspace up to the partial sums `name`, or of all of it. */
function bytesBefore(name: Summed | undefined, dims: Sizes): number {
  const before = name === undefined ? summed : summed.slice(0, summed.indexOf(name));
  return before.reduce((bytes, other) => bytes + partials[other].rows(dims) * partials[other].size(dims) * 4, 0);
}

interface SumCall {
  readonly dims: Sizes;
  readonly outputs: Readonly<Record<Summed, number>>;
  readonly workspace: number;
}

const sumPass = (name: Summed) => ({
  entry: "sumRows",
  units: (dims: Sizes) => Math.ceil(partials[name].size(dims) / COLUMNS),
  cost: (dims: Sizes) => partials[name].rows(dims) * COLUMNS,
  scratch: () => COLUMNS * 8,
  args: ({ dims, outputs, workspace }: SumCall) => [
    partials[name].rows(dims),
    partials[name].size(dims),
    workspace + bytesBefore(name, dims),
    outputs[name],
  ],
});

export const mamba3BackwardKernel = defineKernel(mamba3Backward, {
  module: kernels,
  entry: "mamba3Backward",
  units: ({ batch, heads }) => batch * heads,
  cost: ({ time, headDim, rank, state, pairs }) => time * (headDim * state * (5 + 12 * rank) + 60 * pairs),
  workspace: (dims) => bytesBefore(undefined, dims),
  scratch: ({ time, headDim, rank, state, pairs }) => {
    const padded = Math.ceil(headDim / 4) * 4;
    const turns = Math.ceil(pairs / 4) * 4;
    const [channels, vectors, size] = [rank * padded, rank * state, padded * state];
    const carried = 2 * turns + size + vectors + channels;
    const chunk = CHUNK * (size + 2 * vectors + 2 * channels + 2 * turns + 4); // states, B and C, x and outputs, angles, records
    const gradients = size + 3 * vectors + 3 * channels + turns + 12 * vectors;
    const sums = 2 * (2 * vectors + 3 * channels + padded + 4);
    const borders = Math.max(1, Math.ceil(time / CHUNK)) * carried;
    return (carried + chunk + gradients + sums + (size + vectors + channels) + borders + 4) * 4;
  },
  args: ({ dims, attributes, inputs, outputs, workspace }) => [
    dims.batch,
    dims.time,
    dims.heads,
    dims.headDim,
    dims.rank,
    dims.groups,
    dims.state,
    dims.pairs,
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
    inputs.dy,
    inputs.dfinalState,
    inputs.dfinalB,
    inputs.dfinalX,
    inputs.dfinalAngle,
    outputs.dx,
    outputs.dlogDecay,
    outputs.ddelta,
    outputs.dtrap,
    outputs.dangles,
    outputs.dz,
    outputs.dinitialState,
    outputs.dinitialB,
    outputs.dinitialX,
    outputs.dinitialAngle,
    workspace,
    Number(attributes.rotation === "halved") + 2 * Number(attributes.trapSigmoid),
    f32Bits(attributes.normEps),
  ],
  passes: summed.map(sumPass),
});
