import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { backwardPasses, ofHeads, unitsOf } from "./ssd.backward.passes.wasm.ts";
import { ssdBackward } from "./ssd.backward.ts";
import { chunkOf, isChunked, upTo, type Chunking, type Sizes } from "./ssd.chunked.wasm.ts";

/** Steps of a chunk where the call names no number: more than forward, as a state is kept for each. */
const CHUNK = 120;
const chunkFor = (dims: Sizes, attributes: Chunking) => chunkOf(dims, attributes, CHUNK);

const chunksOf = (dims: Sizes, attributes: Chunking) => dims.batch * Math.ceil(dims.time / chunkFor(dims, attributes));
const ofStates = ({ heads, headDim, state }: Sizes) => heads * headDim * state;

const { workspace, at, steps, stepGradients, sums } = backwardPasses({
  states: { rows: chunksOf, size: ofStates },
  stateGrads: { rows: chunksOf, size: ofStates },
  dD: { rows: chunksOf, size: ofHeads },
  dchannelD: { rows: chunksOf, size: ({ heads, headDim }: Sizes) => heads * headDim },
});

export const ssdChunkedBackward = defineKernel(ssdBackward, {
  module: kernels,
  suits: isChunked,
  ...steps,
  workspace,
  passes: [
    {
      entry: "ssdBorders",
      units: unitsOf,
      cost: ({ time, headDim, state }) => time * headDim * state * 2,
      scratch: (dims, attributes) => {
        const chunk = chunkFor(dims, attributes);
        const ofChunk = upTo(4, chunk) + chunk * (2 * dims.state + dims.headDim + 14); // weights; B or C, twice, and u
        return (ofChunk + dims.headDim * dims.state) * 4;
      },
      args: (call) => [
        ...sizesOf(call.dims, call.attributes),
        call.inputs.u,
        call.inputs.B,
        call.inputs.C,
        call.inputs.z,
        call.inputs.initialState,
        call.inputs.mask,
        call.inputs.dy,
        call.inputs.dfinalState,
        call.outputs.dz,
        call.outputs.dinitialState,
        ...(["records", "states", "stateGrads"] as const).map((name) => at(name, call)),
      ],
    },
    {
      entry: "ssdChunkGradients",
      units: (dims, attributes) => chunksOf(dims, attributes) * dims.groups,
      cost: (dims, attributes) =>
        (chunkFor(dims, attributes) * dims.headDim * dims.state * 4 * dims.heads) / dims.groups,
      scratch: (dims, attributes) => chunkScratch(dims, chunkFor(dims, attributes)) * 4,
      args: (call) => [
        ...sizesOf(call.dims, call.attributes),
        call.inputs.u,
        call.inputs.B,
        call.inputs.C,
        call.inputs.D,
        call.inputs.channelD,
        call.inputs.z,
        call.inputs.mask,
        call.inputs.dy,
        call.outputs.du,
        call.outputs.dB,
        call.outputs.dC,
        call.outputs.dz,
        ...(["records", "states", "stateGrads", "dD", "dchannelD"] as const).map((name) => at(name, call)),
      ],
    },
    stepGradients,
    ...sums("dA", "ddeltaBias", "dD", "dchannelD"),
  ],
});

function sizesOf(dims: Sizes, attributes: Chunking): number[] {
  return [dims.time, dims.heads, dims.headDim, dims.groups, dims.state, chunkFor(dims, attributes)];
}

/** Elements that `ssdChunkGradients` has for itself, in its order. */
function chunkScratch({ headDim, state }: Sizes, chunk: number): number {
  const rows = upTo(6, chunk);
  const most = Math.max(chunk, state, headDim) + 8;
  const ofVectors = 2 * (chunk + rows) * state;
  const ofPairs = 4 * chunk ** 2;
  const ofChannels = (2 * chunk + rows) * headDim;
  const panels = Math.max((headDim + 8) * state, Math.max(chunk, headDim) * most) + 8 * most;
  return ofVectors + ofPairs + ofChannels + (2 * chunk + rows) * most + panels + 6 * (chunk + 7);
}
