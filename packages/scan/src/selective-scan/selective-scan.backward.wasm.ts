import { defineKernel, type KernelDefinition } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { complexSelectiveScanBackward } from "./complex-selective-scan.backward.ts";
import { selectiveScanBackward } from "./selective-scan.backward.ts";
import { extentsOfB, extentsOfC, familyOf, groupsPerStep, type ScanDims } from "./shared-rows.ts";

// of `selective-scan.backward.as.ts` and `selective-scan.backward.shared.as.ts`
const CHANNELS = 32;
const CHUNK = 32;
/** What a thread may keep: it stays in a second-level cache. */
const KEPT_BYTES = 2 ** 20;
/** Columns of a unit of `sumRows`. */
const COLUMNS = 64;

/** Complex numbers count as two. */
type Sizes = ScanDims & { readonly state: number; readonly complex?: number };

const widthOf = ({ state, complex = 1 }: Sizes) => state * complex;

const groupsOfB = (dims: Sizes) => groupsPerStep(extentsOfB(dims), dims.inner);
const groupsOfC = (dims: Sizes) => groupsPerStep(extentsOfC(dims), dims.inner);
/** Units of a sequence. None is in two families. */
const blocksOf = (dims: Sizes) => (dims.inner / familyOf(dims)) * Math.ceil(familyOf(dims) / CHANNELS);

/** Bytes of the step sizes, their slopes, the decays and states of four channels in a chunk. */
const slotBytes = (dims: Sizes) => ((2 * CHUNK + 4) * widthOf(dims) + 2 * CHUNK) * 16;
/** How many chunks before the last keep them from the way forward, that they need not be computed again. */
const keptOf = (dims: Sizes) =>
  Math.max(0, Math.min(Math.ceil(dims.time / CHUNK) - 1, Math.floor(KEPT_BYTES / ((CHANNELS / 4) * slotBytes(dims)))));

/** Partial sums: so many of each size, which is that of the output. */
const partials = {
  dA: { rows: ({ batch }: Sizes) => batch, size: (dims: Sizes) => dims.inner * widthOf(dims) },
  dB: {
    rows: (dims: Sizes) => (groupsOfB(dims) === 0 ? dims.batch : blocksOf(dims) / groupsOfB(dims)),
    size: (dims: Sizes) => dims.batchB * dims.timeB * dims.groupsB * widthOf(dims),
  },
  dC: {
    rows: (dims: Sizes) => (groupsOfC(dims) === 0 ? dims.batch : blocksOf(dims) / groupsOfC(dims)),
    size: (dims: Sizes) => dims.batchC * dims.timeC * dims.groupsC * widthOf(dims),
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

type Forward = "u" | "delta" | "A" | "B" | "C" | "D" | "z" | "deltaBias" | "initialState" | "mask" | "seqIdx";
type Input = Forward | "dy" | "dfinalState";
type Output = Summed | "du" | "ddelta" | "dz" | "dinitialState";

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

type Call = Parameters<KernelDefinition<Sizes, { readonly deltaSoftplus: boolean }, Input, Output>["args"]>[0];

/** `keptOrSteps` is how many chunks are kept, or how long a chunk is. */
const argsOf = (call: Call, keptOrSteps: number): readonly number[] => [
  call.dims.batch,
  call.dims.time,
  call.dims.inner,
  call.dims.state,
  Number(call.dims.complex === 2),
  groupsOfB(call.dims),
  groupsOfC(call.dims),
  familyOf(call.dims),
  blocksOf(call.dims),
  keptOrSteps,
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
];

const backward: KernelDefinition<Sizes, { readonly deltaSoftplus: boolean }, Input, Output> = {
  module: kernels,
  entry: "selectiveScanBackward",
  units: (dims) => dims.batch * blocksOf(dims),
  // exponentials cost about as much as ten multiply-adds
  cost: (dims) => dims.time * Math.min(CHANNELS, familyOf(dims)) * widthOf(dims) * 35,
  workspace: (dims) => summed.reduce((bytes, name) => bytes + bytesOf(name, dims), 0),
  scratch: (dims) => {
    const width = widthOf(dims);
    // A, the gradient of the state, sums of dA, dB and dC; sums of dD, of the bias
    const perChannel = 5 * width + 2;
    // B, C and their sums, a vector apart; the chunk's dA, zeros
    const perLane = (4 * CHUNK + 6) * width;
    const borders = Math.max(1, Math.ceil(dims.time / CHUNK)) * width;
    return (
      (CHANNELS * (perChannel + borders) + 4 * perLane + dims.time) * 4 +
      slotBytes(dims) +
      keptOf(dims) * (CHANNELS / 4) * slotBytes(dims)
    );
  },
  args: (call) => argsOf(call, keptOf(call.dims)),
  passes: summed.map(sumPass),
};

/** Steps of a chunk whose decays and states, of eight channels, stay in a second-level cache: 256 with 16 states. */
const sharedSteps = ({ state }: Sizes) => Math.max(CHUNK, Math.floor(2 ** 12 / state / CHUNK) * CHUNK);

/** Real numbers, and channels that share rows of `B` and `C` at each step. */
const shared: typeof backward = {
  ...backward,
  entry: "selectiveScanBackwardShared",
  suits: (dims) => groupsOfB(dims) > 0 && groupsOfC(dims) > 0,
  scratch: (dims) => {
    const { time, state } = dims;
    const steps = sharedSteps(dims);
    // A, the gradient of the state, sums of dA; borders; peaks, sums of dD and of the bias
    const perChannel = (3 + Math.max(1, Math.ceil(time / steps))) * state + 3;
    // zeros; gradients, sums and A side by side; sums of dB and dC; decays and states; tables
    const sideBySide = (64 + 96 * (CHANNELS / 8) + 32 * steps + 64 * (steps + 1)) * state + 8 * CHANNELS * 4 * steps;
    return 4 * (CHANNELS * perChannel + time) + sideBySide;
  },
  args: (call) => argsOf(call, sharedSteps(call.dims)),
};

export const selectiveScanBackwardKernels = [
  defineKernel(selectiveScanBackward, shared),
  defineKernel(selectiveScanBackward, backward),
];
export const complexSelectiveScanBackwardKernel = defineKernel(complexSelectiveScanBackward, backward);
