import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { pointsOf } from "./circle.ts";
import { s4Kernel, s4KernelBackward } from "./s4-kernel.ts";
import { s4Scan } from "./s4-scan.ts";

/** A point's numbers, roots and values of all points, and numbers of modes; `s4-kernel.as.ts`. */
const scratchOf = (time: number, state: number, mode: number) => 96 + 32 * pointsOf(time) + mode * state;

const kernel = defineKernel(s4Kernel, {
  module: kernels,
  entry: "s4Kernel",
  units: ({ inner }) => inner,
  cost: ({ time, state }) => 60 * time * state,
  scratch: ({ time, state }) => scratchOf(time, state, 72),
  args: ({ dims: { state, time }, inputs, outputs }) => [
    state,
    time,
    pointsOf(time),
    inputs.logDt,
    inputs.logAReal,
    inputs.AImag,
    inputs.P,
    inputs.B,
    inputs.C,
    outputs.K,
  ],
});

const backward = defineKernel(s4KernelBackward, {
  module: kernels,
  entry: "s4KernelBackward",
  units: ({ inner }) => inner,
  cost: ({ time, state }) => 200 * time * state,
  scratch: ({ time, state }) => scratchOf(time, state, 144),
  args: ({ dims: { state, time }, inputs, outputs }) => [
    state,
    time,
    pointsOf(time),
    inputs.logDt,
    inputs.logAReal,
    inputs.AImag,
    inputs.P,
    inputs.B,
    inputs.C,
    inputs.dK,
    outputs.dlogDt,
    outputs.dlogAReal,
    outputs.dAImag,
    outputs.dP,
    outputs.dB,
    outputs.dC,
  ],
});

const scan = defineKernel(s4Scan, {
  module: kernels,
  entry: "s4Scan",
  units: ({ batch, inner }) => batch * inner,
  cost: ({ time, state }) => 30 * time * state,
  scratch: ({ state }) => 96 * state,
  args: ({ dims: { time, inner, state }, inputs, outputs }) => [
    time,
    inner,
    state,
    inputs.u,
    inputs.logDt,
    inputs.logAReal,
    inputs.AImag,
    inputs.P,
    inputs.B,
    inputs.C,
    inputs.D,
    inputs.initialState,
    outputs.y,
    outputs.finalState,
  ],
});

export const s4Kernels = [kernel, backward, scan];
