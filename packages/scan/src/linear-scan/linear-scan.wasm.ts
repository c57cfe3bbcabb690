import { defineKernel, f32Bits, type KernelCall } from "@elapid/wasm";
import { around, byGroups } from "../associative-scan/associative-scan.wasm.ts";
import type { Direction } from "../associative-scan/axis.ts";
import { complexLinearScanBackward } from "./complex-linear-scan.backward.ts";
import { complexLinearScan } from "./complex-linear-scan.ts";
import { linearScanBackward } from "./linear-scan.backward.ts";
import { linearScan } from "./linear-scan.ts";

/** A call of one of these ops; `I` and `O` name its tensors. */
type Call<I extends string, O extends string> = KernelCall<
  { readonly outer: number; readonly time: number; readonly inner: number },
  Direction,
  I,
  O
>;

const forward = {
  ...byGroups,
  args: (call: Call<"a" | "b" | "initialState", "h" | "finalState">) => {
    const { a, b, initialState } = call.inputs;
    const { h, finalState } = call.outputs;
    const { sizes, direction } = around(call);
    return [...sizes, a, b, initialState, h, finalState, ...direction];
  },
};

const backward = {
  ...byGroups,
  args: (call: Call<"a" | "h" | "initialState" | "dh" | "dfinalState", "da" | "db" | "dinitialState">) => {
    const { a, h, initialState, dh, dfinalState } = call.inputs;
    const { da, db, dinitialState } = call.outputs;
    const { sizes, direction } = around(call);
    return [...sizes, a, h, initialState, dh, dfinalState, da, db, dinitialState, ...direction, f32Bits(0)];
  },
};

export const linearScanKernels = [
  defineKernel(linearScan.op, { ...forward, entry: "linearScan" }),
  defineKernel(linearScanBackward, { ...backward, entry: "linearScanBackward" }),
  defineKernel(complexLinearScan.op, { ...forward, entry: "complexLinearScan" }),
  defineKernel(complexLinearScanBackward, { ...backward, entry: "complexLinearScanBackward" }),
];
