import { defineKernel, f32Bits, type KernelCall } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import type { Direction } from "./axis.ts";
import { scanMax } from "./scan-max.ts";
import { scanProduct } from "./scan-product.ts";
import { scanSum } from "./scan-sum.ts";

interface Sizes {
  readonly outer: number;
  readonly time: number;
  readonly inner: number;
}

/** A unit is a group of four rows, as the snippet `rows` has them. */
export const byGroups = {
  module: kernels,
  units: ({ outer, inner }: Sizes): number => (inner === 1 ? Math.ceil(outer / 4) : outer * Math.ceil(inner / 4)),
};

/** The arguments of a kernel after its tensors, and those before. */
export function around({
  dims: { outer, time, inner },
  attributes: { reverse, exclusive },
}: {
  readonly dims: Sizes;
  readonly attributes: Direction;
}): { readonly sizes: readonly number[]; readonly direction: readonly number[] } {
  return { sizes: [outer, time, inner], direction: [Number(reverse), Number(exclusive)] };
}

const running = {
  ...byGroups,
  args: (call: KernelCall<Sizes, Direction, "x" | "initialState", "y" | "finalState">) => {
    const { inputs, outputs } = call;
    const { sizes, direction } = around(call);
    return [...sizes, inputs.x, inputs.initialState, outputs.y, outputs.finalState, ...direction];
  },
};

export const associativeScanKernels = [
  defineKernel(scanSum.op, { ...running, entry: "scanSum" }),
  defineKernel(scanMax.op, { ...running, entry: "scanMax" }),
  defineKernel(scanProduct.op, { ...running, entry: "scanProduct" }),
  defineKernel(scanMax.backward!, {
    ...byGroups,
    entry: "scanMaxBackward",
    args: (call) => {
      const { x, y, initialState, dy, dfinalState } = call.inputs;
      const { dx, dinitialState } = call.outputs;
      const { sizes, direction } = around(call);
      return [...sizes, x, y, initialState, dy, dfinalState, dx, dinitialState, ...direction];
    },
  }),
  // a product is a linear recurrence to which nothing is added, from 1
  defineKernel(scanProduct.backward!, {
    ...byGroups,
    entry: "linearScanBackward",
    args: (call) => {
      const { x, y, initialState, dy, dfinalState } = call.inputs;
      const { dx, dinitialState } = call.outputs;
      const { sizes, direction } = around(call);
      return [...sizes, x, y, initialState, dy, dfinalState, dx, 0, dinitialState, ...direction, f32Bits(1)];
    },
  }),
];
