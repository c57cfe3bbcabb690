import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { matmulInputGradient, matmulWeightGradient } from "./matmul.backward.ts";

// of `matmul.backward.as.ts`
const ROWS = 6;
const COLUMNS = 8;
const DEPTH = 508;
const STEPS = 4;
const GROUPS = 11;

/** What packs `b` of so many columns, `depth columns`. */
const packing = <D>(depthOf: (dims: D) => number, columnsOf: (dims: D) => number) => ({
  module: kernels,
  entry: "matmulPack",
  units: (dims: D) => Math.ceil(depthOf(dims) / STEPS),
  cost: (dims: D) => columnsOf(dims) * STEPS,
  workspace: (dims: D) => Math.ceil(columnsOf(dims) / COLUMNS) * COLUMNS * depthOf(dims) * 4,
});

/** What multiplies `a` of so many rows with the packed matrix. */
const product = <D>(rowsOf: (dims: D) => number, workOf: (dims: D) => number) => ({
  entry: "matmulPacked",
  units: (dims: D) => Math.ceil(rowsOf(dims) / ROWS),
  cost: (dims: D) => ROWS * workOf(dims),
  scratch: () => GROUPS * ROWS * DEPTH * 4,
});

export const matmulBackwardKernels = [
  defineKernel(matmulInputGradient, {
    ...packing(
      ({ out }) => out,
      (dims) => dims.in,
    ),
    args: ({ dims, inputs, workspace }) => [dims.out, dims.in, inputs.weight, workspace],
    passes: [
      {
        ...product(
          ({ rows }) => rows,
          (dims) => dims.in * dims.out,
        ),
        args: ({ dims: { rows, in: inner, out }, inputs: { dy }, outputs: { dx }, workspace }) => [
          ...[rows, out, inner],
          ...[dy, out, 1, workspace, dx],
        ],
      },
    ],
  }),
  defineKernel(matmulWeightGradient, {
    ...packing(
      ({ rows }) => rows,
      (dims) => dims.in,
    ),
    args: ({ dims, inputs, workspace }) => [dims.rows, dims.in, inputs.x, workspace],
    passes: [
      {
        ...product(
          ({ out }) => out,
          (dims) => dims.in * dims.rows,
        ),
        args: ({ dims: { rows, in: inner, out }, inputs: { dy }, outputs: { dweight }, workspace }) => [
          ...[out, rows, inner],
          ...[dy, 1, out, workspace, dweight],
        ],
      },
    ],
  }),
];
