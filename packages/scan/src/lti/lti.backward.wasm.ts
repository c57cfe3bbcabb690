import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { discretizeDiagonalBackward } from "./discretize-diagonal.ts";
import { fftConvBackward } from "./fft-conv.ts";
import { paddedLength } from "./fft.ts";
import { ltiScanBackward } from "./lti-scan.ts";
import { MODE_COST, ruleNumber } from "./lti.wasm.ts";
import { s4dKernelBackward } from "./s4d-kernel.ts";
import { ssmKernelDiagBackward } from "./ssm-kernel-diag.ts";

/** A discretised mode and its gradients, `discretize-diagonal.backward.as.ts`. */
const MODE_SCRATCH = 80 + 40;
/** Two lanes of `ssm-kernel.backward.as.ts`. */
const PAIR_SCRATCH = 2 * 184;

const discretizeDiagonalKernel = defineKernel(discretizeDiagonalBackward, {
  module: kernels,
  entry: "discretizeDiagonalBackward",
  units: ({ inner }) => inner,
  cost: ({ state }) => state * MODE_COST,
  scratch: () => MODE_SCRATCH,
  args: ({ dims: { state, parts }, attributes: { rule }, inputs, outputs }) => [
    state,
    parts,
    inputs.A,
    inputs.B,
    inputs.dt,
    inputs.dABar,
    inputs.dBBar,
    outputs.dA,
    outputs.dB,
    outputs.ddt,
    ruleNumber(rule),
  ],
});

const ssmKernelDiagKernel = defineKernel(ssmKernelDiagBackward, {
  module: kernels,
  entry: "ssmKernelDiagBackward",
  units: ({ inner }) => inner,
  cost: ({ state, time }) => state * (MODE_COST + 8 * time),
  scratch: () => PAIR_SCRATCH,
  args: ({ dims: { state, time }, attributes: { rule }, inputs, outputs }) => [
    state,
    time,
    inputs.A,
    inputs.B,
    inputs.C,
    inputs.dt,
    inputs.dK,
    outputs.dA,
    outputs.dB,
    outputs.dC,
    outputs.ddt,
    ruleNumber(rule),
  ],
});

const s4dKernelKernel = defineKernel(s4dKernelBackward, {
  module: kernels,
  entry: "s4dKernelBackward",
  units: ({ inner }) => inner,
  cost: ({ state, time }) => state * (MODE_COST + 8 * time),
  scratch: () => PAIR_SCRATCH,
  args: ({ dims: { state, time }, inputs, outputs }) => [
    state,
    time,
    inputs.logDt,
    inputs.C,
    inputs.logAReal,
    inputs.AImag,
    inputs.dK,
    outputs.dlogDt,
    outputs.dC,
    outputs.dlogAReal,
    outputs.dAImag,
  ],
});

const ltiScanKernel = defineKernel(ltiScanBackward, {
  module: kernels,
  entry: "ltiScanBackward",
  units: ({ inner }) => inner,
  cost: ({ batch, state, time }) => state * (MODE_COST + 22 * batch * time),
  // a discretised mode, its gradients, the states of a sequence and the gradients of the inputs
  scratch: ({ batch, time }) => 176 + 16 * (time + 1) + 8 * batch * time,
  args: ({ dims: { batch, time, inner, state }, attributes: { rule }, inputs, outputs }) => [
    batch,
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
    inputs.dy,
    inputs.dfinalState,
    outputs.du,
    outputs.dA,
    outputs.dB,
    outputs.dC,
    outputs.ddt,
    outputs.dD,
    outputs.dinitialState,
    ruleNumber(rule),
  ],
});

const fftConvKernel = defineKernel(fftConvBackward, {
  module: kernels,
  entry: "fftConvBackward",
  units: ({ inner }) => inner,
  cost: ({ batch, time, taps }) => {
    const points = paddedLength(time, taps);
    return (4 * batch + 1) * 5 * points * Math.max(1, Math.log2(points));
  },
  // roots, four complex signals, the sums of dK
  scratch: ({ time, taps }) => 88 * paddedLength(time, taps),
  args: ({ dims: { batch, time, inner, taps }, inputs, outputs }) => [
    batch,
    time,
    inner,
    taps,
    paddedLength(time, taps),
    inputs.u,
    inputs.K,
    inputs.D,
    inputs.dy,
    outputs.du,
    outputs.dK,
    outputs.dD,
  ],
});

/** The WebAssembly kernels of the gradients of linear time-invariant systems. */
export const ltiBackwardKernels = [
  discretizeDiagonalKernel,
  ssmKernelDiagKernel,
  s4dKernelKernel,
  ltiScanKernel,
  fftConvKernel,
];
