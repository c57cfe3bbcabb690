import { f32Bits, type KernelCall } from "@elapid/wasm";
import type { Chunking, Sizes } from "./ssd.chunked.wasm.ts";
import type { StepSizeAttributes } from "./step-size.ts";

/** Elements of the record of a step; `RECORD` in `ssd.record.as.ts`. */
const RECORD = 6;
/** Columns of a unit of `sumRows`. */
const COLUMNS = 64;

type Settings = StepSizeAttributes & Chunking;
type Call = KernelCall<Sizes, Settings, string, string>;
interface Part {
  readonly rows: (dims: Sizes, attributes: Settings) => number;
  readonly size: (dims: Sizes) => number;
}

export const ofHeads = ({ heads }: Sizes) => heads;
export const ofBatch = ({ batch }: Sizes) => batch;
export const unitsOf = ({ batch, heads }: Sizes) => batch * heads;

/** Parts that every kernel of the gradient has: a record of each step, and sums of a sequence. */
const shared = {
  records: { rows: ({ batch, heads, time }: Sizes) => batch * heads * time, size: () => RECORD },
  dA: { rows: ofBatch, size: ofHeads },
  ddeltaBias: { rows: ofBatch, size: ofHeads },
};

/**
 * The workspace of a kernel of the gradient, `own` parts after those that all have, and the passes that all have: `steps`
 * first, then `stepGradients`, then `sums` of the parts that are partial sums of an output.
 */
export function backwardPasses<N extends string>(own: Readonly<Record<N, Part>>) {
  type Name = N | keyof typeof shared;
  const parts = { ...shared, ...own } as Readonly<Record<Name, Part>>;
  const names = Object.keys(parts) as Name[];
  const bytes = (before: readonly Name[], dims: Sizes, attributes: Settings) =>
    before.reduce((total, name) => total + parts[name].rows(dims, attributes) * parts[name].size(dims) * 4, 0);
  const at = (name: Name, { dims, attributes, workspace }: Call) =>
    workspace + bytes(names.slice(0, names.indexOf(name)), dims, attributes);

  return {
    workspace: (dims: Sizes, attributes: Settings) => bytes(names, dims, attributes),
    at,
    steps: {
      entry: "ssdSteps",
      units: unitsOf,
      cost: ({ time }: Sizes) => time * 50,
      args: (call: Call) => [
        call.dims.time,
        call.dims.heads,
        call.inputs.delta,
        call.inputs.A,
        call.inputs.deltaBias,
        call.inputs.logDecay,
        call.inputs.mask,
        call.inputs.seqIdx,
        at("records", call),
        Number(call.attributes.deltaSoftplus),
        f32Bits(call.attributes.deltaMin),
        f32Bits(call.attributes.deltaMax),
      ],
    },
    stepGradients: {
      entry: "ssdStepGradients",
      units: unitsOf,
      cost: ({ time }: Sizes) => time * 10,
      args: (call: Call) => [
        call.dims.time,
        call.dims.heads,
        call.inputs.A,
        at("records", call),
        call.outputs.ddelta,
        call.outputs.dlogDecay,
        at("dA", call),
        at("ddeltaBias", call),
      ],
    },
    sums: (...summed: readonly Name[]) =>
      summed.map((name) => ({
        entry: "sumRows",
        units: (dims: Sizes) => Math.ceil(parts[name].size(dims) / COLUMNS),
        cost: (dims: Sizes, attributes: Settings) => parts[name].rows(dims, attributes) * COLUMNS,
        scratch: () => COLUMNS * 8,
        args: (call: Call) => [
          parts[name].rows(call.dims, call.attributes),
          parts[name].size(call.dims),
          at(name, call),
          call.outputs[name],
        ],
      })),
  };
}
