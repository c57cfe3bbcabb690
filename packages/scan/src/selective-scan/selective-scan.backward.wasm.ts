import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { selectiveScanBackward } from "./selective-scan.backward.ts";
import { extentsOfB, extentsOfC, familyOf, groupsPerStep, type ScanDims } from "./shared-rows.ts";

// of `selective-scan.backward.as.ts`
const CHANNELS = 32;
const CHUNK = 32;
/** Columns of a unit of `sumRows`. */
const COLUMNS = 64;

type Sizes = ScanDims & { readonly state: number };

const groupsOfB = (dims: Sizes) => groupsPerStep(extentsOfB(dims), dims.inner);
const groupsOfC = (dims: Sizes) => groupsPerStep(extentsOfC(dims), dims.inner);
/** Units of a sequence. None is in two families. */
const blocksOf = (dims: Sizes) => (dims.inner / familyOf(dims)) * Math.ceil(familyOf(dims) / CHANNELS);

/** Partial sums: so many of each size, which is that of the output. */
const partials = {
  dA: { rows: ({ batch }: Sizes) => batch, size: ({ inner, state }: Sizes) => inner * state },
  dB: {
    rows: (dims: Sizes) => (groupsOfB(dims) === 0 ? dims.batch : blocksOf(dims) / groupsOfB(dims)),
    size: ({ batchB, timeB, groupsB, state }: Sizes) => batchB * timeB * groupsB * state,
  },
  dC: {
    rows: (dims: Sizes) => (groupsOfC(dims) === 0 ? dims.batch : blocksOf(dims) / groupsOfC(dims)),
    size: ({ batchC, timeC, groupsC, state }: Sizes) => batchC * timeC * groupsC * state,
  },
  dD: { rows: ({ batch }: Sizes) => batch, size: ({ inner }: Sizes) => inner },
  ddeltaBias: { rows: ({ batch }: Sizes) => batch, size: ({ inner }: Sizes) => inner },
} as const;
type Summed = keyof typeof partials;
const summed = Object.keys(partials) as Summed[];

/** Bytes of the partial sums `name`: none if there is one only, which is then the sum. */
function bytesOf(name: Summed, dims: Sizes): number {
  const rows = partials[name].rows(dims);
  return rows === 1 ? 0 : rows * partials[name].size(dims) * 4;
}

interface SumCall {
  readonly dims: Sizes;
  readonly outputs: Readonly<Record<Summed, number>>;
  readonly workspace: number;
}

/** Where the partial sums `name` begin. */
function placeOf(name: Summed, { dims, outputs, workspace }: SumCall): number {
  if (partials[name].rows(dims) === 1) return outputs[name];
  const before = summed.slice(0, summed.indexOf(name));
  return before.reduce((place, other) => place + bytesOf(other, dims), workspace);
}

const sumPass = (name: Summed) => ({
  entry: "sumRows",
  units: (dims: Sizes) => (partials[name].rows(dims) === 1 ? 0 : Math.ceil(partials[name].size(dims) / COLUMNS)),
  cost: (dims: Sizes) => partials[name].rows(dims) * COLUMNS,
  scratch: () => COLUMNS * 8,
  args: (call: SumCall) => [
    partials[name].rows(call.dims),
    partials[name].size(call.dims),
    placeOf(name, call),
    call.outputs[name],
  ],
});

export const selectiveScanBackwardKernel = defineKernel(selectiveScanBackward, {
  module: kernels,
  entry: "selectiveScanBackward",
  units: (dims) => dims.batch * blocksOf(dims),
  // exponentials cost about as much as ten multiply-adds
  cost: (dims) => dims.time * Math.min(CHANNELS, familyOf(dims)) * dims.state * 35,
  workspace: (dims) => summed.reduce((bytes, name) => bytes + bytesOf(name, dims), 0),
  scratch: ({ time, state }) => {
    // A, the gradient of the state, sums of dA, dB and dC; sums of dD, of the bias
    const perChannel = 5 * state + 2;
    // steps and slopes; B, C, their sums, decays, states; the state before all, the chunk's dA, zeros
    const perLane = 2 * CHUNK + (6 * CHUNK + 3) * state;
    const borders = Math.max(1, Math.ceil(time / CHUNK)) * state;
    return (CHANNELS * (perChannel + borders) + 4 * perLane + time) * 4;
  },
  args: (call) => [
    call.dims.batch,
    call.dims.time,
    call.dims.inner,
    call.dims.state,
    groupsOfB(call.dims),
    groupsOfC(call.dims),
    familyOf(call.dims),
    blocksOf(call.dims),
    call.inputs.u,
    call.inputs.delta,
    call.inputs.A,
    call.inputs.B,
    call.inputs.C,
    call.inputs.D,
    call.inputs.z,
    call.inputs.deltaBias,
    call.inputs.initialState,
    call.inputs.mask,
    call.inputs.seqIdx,
    call.inputs.dy,
    call.inputs.dfinalState,
    call.outputs.du,
    call.outputs.ddelta,
    call.outputs.dz,
    call.outputs.dinitialState,
    ...summed.map((name) => placeOf(name, call)),
    Number(call.attributes.deltaSoftplus),
  ],
  passes: summed.map(sumPass),
});
