import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { selectiveScanBackward } from "./selective-scan.backward.ts";
import { isSharedByChannels } from "./shared-rows.ts";

// of `selective-scan.backward.as.ts`
const CHANNELS = 32;
const CHUNK = 32;
/** Columns of a unit of `sumRows`. */
const COLUMNS = 64;

interface Sizes {
  readonly batch: number;
  readonly time: number;
  readonly inner: number;
  readonly state: number;
}

const blocks = ({ inner }: Sizes) => Math.ceil(inner / CHANNELS);

/** Partial sums, in the order in which they stand in the workspace: so many of each size. */
const partials = {
  dB: { rows: blocks, size: ({ batch, time, state }: Sizes) => batch * time * state },
  dC: { rows: blocks, size: ({ batch, time, state }: Sizes) => batch * time * state },
  dA: { rows: ({ batch }: Sizes) => batch, size: ({ inner, state }: Sizes) => inner * state },
  dD: { rows: ({ batch }: Sizes) => batch, size: ({ inner }: Sizes) => inner },
  ddeltaBias: { rows: ({ batch }: Sizes) => batch, size: ({ inner }: Sizes) => inner },
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

export const selectiveScanBackwardKernel = defineKernel(selectiveScanBackward, {
  module: kernels,
  entry: "selectiveScanBackward",
  units: (dims) => dims.batch * blocks(dims),
  suits: (dims, _, given) => isSharedByChannels(dims) && !given.has("seqIdx"),
  // exponentials cost about as much as ten multiply-adds
  cost: ({ time, state }) => time * CHANNELS * state * 35,
  workspace: (dims) => bytesBefore(undefined, dims),
  scratch: ({ time, state }) => {
    const perChannel = 3 * state + 2; // A, the gradient of the state, sums of dA, of dD, of the bias
    const perLane = 2 * CHUNK + (4 * CHUNK + 2) * state; // steps and slopes; decays, two sums, states, chunk's dA
    const borders = Math.max(1, Math.ceil(time / CHUNK)) * state;
    return (CHANNELS * (perChannel + borders) + 4 * perLane) * 4;
  },
  args: ({ dims: { batch, time, inner, state }, attributes: { deltaSoftplus }, inputs, outputs, workspace }) => [
    batch,
    time,
    inner,
    state,
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
    inputs.dy,
    inputs.dfinalState,
    outputs.du,
    outputs.ddelta,
    outputs.dz,
    outputs.dinitialState,
    workspace,
    Number(deltaSoftplus),
  ],
  passes: summed.map(sumPass),
});
