import { defineKernel, f32Bits } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { attentionOp } from "./attention.ts";
import { attentionBackward } from "./attention.backward.ts";

/** Rows of a unit; elements of a tile. */
const ROWS = 4;
const TILE_BYTES = 64 * 16;

type Sizes = Readonly<Record<"batch" | "queries" | "keys" | "heads" | "kvHeads" | "headDim" | "valueDim", number>>;
type Weighing = { readonly causal: boolean; readonly scale: number };

const settings = ({ queries, keys, heads, kvHeads, headDim, valueDim }: Sizes, { causal, scale }: Weighing) => [
  queries,
  keys,
  heads,
  kvHeads,
  headDim,
  valueDim,
  Number(causal),
  f32Bits(scale),
];

const byRows = {
  units: ({ batch, queries, heads, kvHeads }: Sizes) => batch * kvHeads * Math.ceil((queries * heads) / kvHeads / ROWS),
  cost: ({ keys, headDim, valueDim }: Sizes) => ROWS * keys * (headDim + valueDim),
};

export const attentionKernel = defineKernel(attentionOp, {
  module: kernels,
  entry: "attention",
  ...byRows,
  scratch: ({ valueDim }) => TILE_BYTES + ROWS * 4 * valueDim,
  args: ({ dims, attributes, inputs: { q, k, v, mask, first }, outputs: { y, logSum } }) => [
    ...settings(dims, attributes),
    q,
    k,
    v,
    mask,
    first,
    y,
    logSum,
  ],
});

export const attentionBackwardKernel = defineKernel(attentionBackward, {
  module: kernels,
  entry: "attentionBackwardQueries",
  ...byRows,
  scratch: () => TILE_BYTES,
  workspace: ({ batch, queries, heads }) => 4 * batch * queries * heads,
  args: ({
    dims,
    attributes,
    inputs: { q, k, v, mask, first, y, logSum, dy, dlogSum },
    outputs: { dq },
    workspace,
  }) => [...settings(dims, attributes), q, k, v, mask, first, y, logSum, dy, dlogSum, dq, workspace],
  passes: [
    {
      entry: "attentionBackwardKeys",
      units: ({ batch, keys, kvHeads }) => batch * kvHeads * Math.ceil(keys / ROWS),
      cost: ({ queries, heads, kvHeads, headDim, valueDim }) =>
        ((ROWS * queries * heads) / kvHeads) * 2 * (headDim + valueDim),
      scratch: () => 2 * TILE_BYTES,
      args: ({ dims, attributes, inputs: { q, k, v, mask, first, logSum, dy }, outputs: { dk, dv }, workspace }) => [
        ...settings(dims, attributes),
        q,
        k,
        v,
        mask,
        first,
        logSum,
        dy,
        dk,
        dv,
        workspace,
      ],
    },
  ],
});
