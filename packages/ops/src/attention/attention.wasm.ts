import { defineKernel, f32Bits } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { attentionOp } from "./attention.ts";
import { attentionBackward } from "./attention.backward.ts";

/** Rows of a unit; elements of a tile. */
const ROWS = 4;
/** The same of the tiled kernel: keys of a tile, rows of a unit, rows of a panel, and what is noted of those. */
const SPAN = 48;
const BLOCK = 64;
const PANEL = 8;
const BOOK = 40;
/** Of the backward kernel: rows or keys of a unit, scores and gradients of a panel, and what is noted of all panels. */
const BACK_BLOCK = 128;
const PAIRS = 2 * SPAN * PANEL;
const BACK_BOOKS = (BACK_BLOCK / PANEL) * 32;
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

const rowsOf = ({ queries, heads, kvHeads }: Sizes) => (queries * heads) / kvHeads;
const upTo = (size: number, multiple: number) => Math.ceil(size / multiple) * multiple;

/** Takes eight queries and more: keys and values are packed for them. */
export const attentionTiledKernel = defineKernel(attentionOp, {
  module: kernels,
  suits: ({ queries }) => queries >= PANEL,
  entry: "attentionPack",
  units: ({ batch, keys, kvHeads }) => batch * kvHeads * Math.ceil(keys / SPAN),
  cost: ({ headDim, valueDim }) => SPAN * (headDim + valueDim),
  workspace: ({ batch, keys, kvHeads, headDim, valueDim }) =>
    4 * batch * kvHeads * Math.ceil(keys / SPAN) * (SPAN * (headDim + upTo(valueDim, 6)) + 4),
  args: ({ dims: { keys, kvHeads, headDim, valueDim }, inputs: { k, v, mask }, workspace }) => [
    keys,
    kvHeads,
    headDim,
    valueDim,
    k,
    v,
    mask,
    workspace,
  ],
  passes: [
    {
      entry: "attentionTiled",
      units: (dims) => dims.batch * dims.kvHeads * Math.ceil(rowsOf(dims) / BLOCK),
      cost: ({ keys, headDim, valueDim }) => BLOCK * keys * (headDim + valueDim),
      scratch: ({ headDim, valueDim }) => 4 * (BLOCK * (headDim + valueDim) + SPAN * PANEL + (BLOCK / PANEL) * BOOK),
      args: ({ dims, attributes, inputs: { q, v, mask, first }, outputs: { y, logSum }, workspace }) => [
        ...settings(dims, attributes),
        q,
        v,
        mask,
        first,
        y,
        logSum,
        workspace,
      ],
    },
  ],
});

export const attentionKernel = defineKernel(attentionOp, {
  module: kernels,
  entry: "attention",
  units: (dims) => dims.batch * dims.kvHeads * Math.ceil(rowsOf(dims) / ROWS),
  cost: ({ keys, headDim, valueDim }) => ROWS * keys * (headDim + valueDim),
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
  units: (dims) => dims.batch * dims.kvHeads * Math.ceil(rowsOf(dims) / BACK_BLOCK),
  cost: ({ keys, headDim, valueDim }) => BACK_BLOCK * keys * (2 * headDim + valueDim),
  scratch: ({ headDim, valueDim }) =>
    4 * (BACK_BLOCK * (2 * headDim + valueDim) + SPAN * (headDim + upTo(headDim, 6) + valueDim) + PAIRS + BACK_BOOKS),
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
      units: ({ batch, keys, kvHeads }) => batch * kvHeads * Math.ceil(keys / BACK_BLOCK),
      cost: (dims) => BACK_BLOCK * rowsOf(dims) * 2 * (dims.headDim + dims.valueDim),
      scratch: ({ headDim, valueDim }) =>
        4 *
        (2 * BACK_BLOCK * (headDim + valueDim) +
          SPAN * (2 * headDim + upTo(headDim, 6) + 2 * valueDim + upTo(valueDim, 6) + 2) +
          PAIRS +
          BACK_BOOKS),
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
