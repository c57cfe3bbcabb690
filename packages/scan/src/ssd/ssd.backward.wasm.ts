import { defineKernel, f32Bits } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { ssdBackward } from "./ssd.backward.ts";

// of `ssd.backward.as.ts`
const CHUNK = 32;
const RECORD = 6;
/** Columns of a unit of `sumRows`. */
const COLUMNS = 64;

interface Sizes {
  readonly batch: number;
  readonly time: number;
  readonly heads: number;
  readonly headDim: number;
  readonly groups: number;
  readonly state: number;
}

const ofB = ({ batch, time, groups, state }: Sizes) => batch * time * groups * state;
const headsOfGroup = ({ heads, groups }: Sizes) => heads / groups;
const ofHeads = ({ heads }: Sizes) => heads;
const ofBatch = ({ batch }: Sizes) => batch;

/** What the workspace holds, in order: partial sums, so many rows of each size, and a record of each step. */
const parts = {
  dB: { rows: headsOfGroup, size: ofB },
  dC: { rows: headsOfGroup, size: ofB },
  dA: { rows: ofBatch, size: ofHeads },
  ddeltaBias: { rows: ofBatch, size: ofHeads },
  dD: { rows: ofBatch, size: ofHeads },
  dchannelD: { rows: ofBatch, size: ({ heads, headDim }: Sizes) => heads * headDim },
  records: { rows: ({ batch, heads, time }: Sizes) => batch * heads * time, size: () => RECORD },
} as const;
type Part = keyof typeof parts;
type Summed = Exclude<Part, "records">;
const names = Object.keys(parts) as Part[];

/** Bytes of the workspace up to the part `name`, or of all of it. */
function bytesBefore(name: Part | undefined, dims: Sizes): number {
  const before = name === undefined ? names : names.slice(0, names.indexOf(name));
  return before.reduce((bytes, other) => bytes + parts[other].rows(dims) * parts[other].size(dims) * 4, 0);
}

interface SumCall {
  readonly dims: Sizes;
  readonly outputs: Readonly<Record<Summed, number>>;
  readonly workspace: number;
}

const sumPass = (name: Summed) => ({
  entry: "sumRows",
  units: (dims: Sizes) => Math.ceil(parts[name].size(dims) / COLUMNS),
  cost: (dims: Sizes) => parts[name].rows(dims) * COLUMNS,
  scratch: () => COLUMNS * 8,
  args: ({ dims, outputs, workspace }: SumCall) => [
    parts[name].rows(dims),
    parts[name].size(dims),
    workspace + bytesBefore(name, dims),
    outputs[name],
  ],
});

const units = ({ batch, heads }: Sizes) => batch * heads;

export const ssdBackwardKernel = defineKernel(ssdBackward, {
  module: kernels,
  entry: "ssdSteps",
  units,
  cost: ({ time }) => time * 50,
  workspace: (dims) => bytesBefore(undefined, dims),
  args: ({ dims, attributes, inputs, workspace }) => [
    dims.time,
    dims.heads,
    inputs.delta,
    inputs.A,
    inputs.deltaBias,
    inputs.logDecay,
    inputs.mask,
    inputs.seqIdx,
    workspace + bytesBefore("records", dims),
    Number(attributes.deltaSoftplus),
    f32Bits(attributes.deltaMin),
    f32Bits(attributes.deltaMax),
  ],
  passes: [
    {
      entry: "ssdBackward",
      units,
      cost: ({ time, headDim, state }) => time * headDim * state * 11,
      scratch: ({ time, headDim, state }) => {
        const channels = Math.ceil(headDim / 4) * 4;
        const borders = Math.max(1, Math.ceil(time / CHUNK)) * channels * state;
        const ofChunk = 8 * CHUNK + (3 * CHUNK + 1) * 4 * state; // sums of each step; sums and states of four channels
        return (channels * (state + 1) + borders + ofChunk) * 4;
      },
      args: ({ dims, inputs, outputs, workspace }) => [
        dims.batch,
        dims.time,
        dims.heads,
        dims.headDim,
        dims.groups,
        dims.state,
        inputs.u,
        inputs.B,
        inputs.C,
        inputs.D,
        inputs.channelD,
        inputs.z,
        inputs.initialState,
        inputs.dy,
        inputs.dfinalState,
        outputs.du,
        outputs.dz,
        outputs.dinitialState,
        ...(["records", "dB", "dC", "dD", "dchannelD"] as const).map((name) => workspace + bytesBefore(name, dims)),
      ],
    },
    {
      entry: "ssdStepGradients",
      units,
      cost: ({ time }) => time * 10,
      args: ({ dims, inputs, outputs, workspace }) => [
        dims.time,
        dims.heads,
        inputs.A,
        workspace + bytesBefore("records", dims),
        outputs.ddelta,
        outputs.dlogDecay,
        workspace + bytesBefore("dA", dims),
        workspace + bytesBefore("ddeltaBias", dims),
      ],
    },
    ...names.filter((name) => name !== "records").map(sumPass),
  ],
});
