import { defineKernel, type KernelCall } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { complexLinearScanBackward } from "./complex-linear-scan.backward.ts";
import { complexLinearScan } from "./complex-linear-scan.ts";
import { linearScanBackward } from "./linear-scan.backward.ts";
import { linearScan } from "./linear-scan.ts";
import type { Direction } from "./order.ts";
import { scanMaxBackward } from "./scan-max.backward.ts";
import { scanMaxOp } from "./scan-max.ts";
import { scanSumOp } from "./scan-sum.ts";

/** A call of one of these ops; `I` and `O` name its tensors. */
type Call<I extends string, O extends string> = KernelCall<{ readonly time: number }, Direction, I, O>;

/** A unit is a row; four rows go through a kernel together. */
const byRows = { module: kernels, units: ({ rows }: { readonly rows: number }) => rows, grain: 4 };

const running = {
  ...byRows,
  args: ({ dims: { time }, attributes: { reverse }, inputs: { x }, outputs: { y } }: Call<"x", "y">) => [
    time,
    x,
    y,
    Number(reverse),
  ],
};

const forward = {
  ...byRows,
  args: ({
    dims: { time },
    attributes: { reverse },
    inputs: { a, b, initialState },
    outputs: { h, finalState },
  }: Call<"a" | "b" | "initialState", "h" | "finalState">) => [
    time,
    a,
    b,
    initialState,
    h,
    finalState,
    Number(reverse),
  ],
};

const backward = {
  ...byRows,
  args: ({
    dims: { time },
    attributes: { reverse },
    inputs: { a, h, initialState, dh, dfinalState },
    outputs: { da, db, dinitialState },
  }: Call<"a" | "h" | "initialState" | "dh" | "dfinalState", "da" | "db" | "dinitialState">) => [
    time,
    a,
    h,
    initialState,
    dh,
    dfinalState,
    da,
    db,
    dinitialState,
    Number(reverse),
  ],
};

export const linearScanKernels = [
  defineKernel(scanSumOp, { ...running, entry: "scanSum" }),
  defineKernel(scanMaxOp, { ...running, entry: "scanMax" }),
  defineKernel(scanMaxBackward, {
    ...byRows,
    entry: "scanMaxBackward",
    args: ({ dims: { time }, attributes: { reverse }, inputs: { x, y, dy }, outputs: { dx } }) => [
      time,
      x,
      y,
      dy,
      dx,
      Number(reverse),
    ],
  }),
  defineKernel(linearScan, { ...forward, entry: "linearScan" }),
  defineKernel(linearScanBackward, { ...backward, entry: "linearScanBackward" }),
  defineKernel(complexLinearScan, { ...forward, entry: "complexLinearScan" }),
  defineKernel(complexLinearScanBackward, { ...backward, entry: "complexLinearScanBackward" }),
];
