import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { geluBackward } from "./gelu.backward.ts";
import { sigmoidBackward } from "./sigmoid.backward.ts";
import { siluBackward } from "./silu.backward.ts";
import { softplusBackward } from "./softplus.backward.ts";

const activation = (op: typeof siluBackward, entry: string) =>
  defineKernel(op, {
    module: kernels,
    entry,
    units: ({ rows }) => rows,
    grain: 4,
    cost: () => 12, // an exponential
    args: ({ inputs, outputs }) => [inputs.x, inputs.dy, outputs.dx],
  });

export const activationBackwardKernels = [
  activation(siluBackward, "siluBackward"),
  activation(softplusBackward, "softplusBackward"),
  activation(sigmoidBackward, "sigmoidBackward"),
  activation(geluBackward, "geluBackward"),
];
