import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { discretizeDiagonal } from "./discretize-diagonal.ts";
import { fftConv } from "./fft-conv.ts";
import { paddedLength } from "./fft.ts";
import { ltiScan } from "./lti-scan.ts";
import { blend } from "./rules.ts";
import { s4dKernel } from "./s4d-kernel.ts";
import { ssmKernelDiag } from "./ssm-kernel-diag.ts";

/** Twice the `α` of a rule, or -1 for the hold, as `mode.as.ts` takes it. */
export const ruleNumber = (rule: string) => (rule === "zoh" ? -1 : 2 * blend[rule as keyof typeof blend]);

/** Multiply-adds that an exponential, a sine and a cosine in 64 bits are worth. */
export const MODE_COST = 100;

/** A discretised mode, a pair of them and a sum in 64 bits for each step; `ssm-kernel.as.ts`. */
const kernelScratch = ({ time }: { readonly time: number }) => 144 + 8 * time;

const discretizeDiagonalKernel = defineKernel(discretizeDiagonal, {
  module: kernels,
  entry: "discretizeDiagonal",
  units: ({ inner }) => inner,
  cost: ({ state }) => state * MODE_COST,
  scratch: () => 80,
  args: ({ dims: { state, parts }, attributes: { rule }, inputs, outputs }) => [
    state,
    parts,
    inputs.A,
    inputs.B,
    inputs.dt,
    outputs.ABar,
    outputs.BBar,
    ruleNumber(rule),
  ],
});

const ssmKernelDiagKernel = defineKernel(ssmKernelDiag, {
  module: kernels,
  entry: "ssmKernelDiag",
  units: ({ inner }) => inner,
  cost: ({ state, time }) => state * (MODE_COST + 4 * time),
  scratch: kernelScratch,
  args: ({ dims: { state, time }, attributes: { rule }, inputs, outputs }) => [
    state,
    time,
    inputs.A,
    inputs.B,
    inputs.C,
    inputs.dt,
    outputs.K,
    ruleNumber(rule),
  ],
});

const s4dKernelKernel = defineKernel(s4dKernel, {
  module: kernels,
  entry: "s4dKernel",
  units: ({ inner }) => inner,
  cost: ({ state, time }) => state * (MODE_COST + 4 * time),
  scratch: kernelScratch,
  args: ({ dims: { state, time }, inputs, outputs }) => [
    state,
    time,
    inputs.logDt,
    inputs.C,
    inputs.logAReal,
    inputs.AImag,
    outputs.K,
  ],
});

const ltiScanKernel = defineKernel(ltiScan, {
  module: kernels,
  entry: "ltiScan",
  units: ({ batch, inner }) => batch * inner,
  cost: ({ state, time }) => state * (MODE_COST + 8 * time),
  // a discretised mode, the inputs and the sums
  scratch: ({ time }) => 80 + 16 * time,
  args: ({ dims: { time, inner, state }, attributes: { rule }, inputs, outputs }) => [
    time,
    inner,
    state,
    inputs.u,
    inputs.A,
    inputs.B,
    inputs.C,
    inputs.dt,
    inputs.D,
    inputs.initialState,
    outputs.y,
    outputs.finalState,
    ruleNumber(rule),
  ],
});

const fftConvKernel = defineKernel(fftConv, {
  module: kernels,
  entry: "fftConv",
  units: ({ inner }) => inner,
  cost: ({ batch, time, taps }) => {
    const points = paddedLength(time, taps);
    return (2 * batch + 1) * 5 * points * Math.max(1, Math.log2(points));
  },
  // roots, the spectrum of the kernel, that of the signal
  scratch: ({ time, taps }) => 48 * paddedLength(time, taps),
  args: ({ dims: { batch, time, inner, taps }, inputs, outputs }) => [
    batch,
    time,
    inner,
    taps,
    paddedLength(time, taps),
    inputs.u,
    inputs.K,
    inputs.D,
    outputs.y,
  ],
});

/** The WebAssembly kernels of linear time-invariant systems. */
export const ltiKernels = [
  discretizeDiagonalKernel,
  ssmKernelDiagKernel,
  s4dKernelKernel,
  ltiScanKernel,
  fftConvKernel,
];
