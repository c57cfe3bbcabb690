import { sumRowsOp } from "@elapid/tensor";
import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";

/** Columns of a unit; `COLUMNS` in `sum-rows.as.ts` of the snippets. */
const COLUMNS = 64;

/** The pass `sumRows` but for its `args`: rows, size, and the addresses of both tensors. */
export const sumRowsPass = <D>(rowsOf: (dims: D) => number, sizeOf: (dims: D) => number) => ({
  entry: "sumRows",
  units: (dims: D) => Math.ceil(sizeOf(dims) / COLUMNS),
  cost: (dims: D) => rowsOf(dims) * COLUMNS,
  scratch: () => COLUMNS * 8,
});

export const sumRowsKernel = defineKernel(sumRowsOp, {
  module: kernels,
  ...sumRowsPass(
    ({ rows }) => rows,
    ({ size }) => size,
  ),
  args: ({ dims: { rows, size }, inputs, outputs }) => [rows, size, inputs.x, outputs.y],
});
