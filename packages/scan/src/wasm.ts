import { associativeScanKernels } from "./associative-scan/associative-scan.wasm.ts";
import { causalConv1dBackwardKernel } from "./causal-conv1d/causal-conv1d.backward.wasm.ts";
import { causalConv1dKernels } from "./causal-conv1d/causal-conv1d.wasm.ts";
import { rollKernel } from "./causal-conv1d/roll.wasm.ts";
import { ltiBackwardKernels } from "./lti/lti.backward.wasm.ts";
import { ltiKernels } from "./lti/lti.wasm.ts";
import { linearScanKernels } from "./linear-scan/linear-scan.wasm.ts";
import { mamba3Kernels } from "./mamba3/mamba3.wasm.ts";
import { mamba3BackwardKernel } from "./mamba3/mamba3.backward.wasm.ts";
import { mamba3StepsBackwardKernel } from "./mamba3-steps/mamba3-steps.wasm.ts";
import {
  complexSelectiveScanBackwardKernel,
  selectiveScanBackwardKernels,
} from "./selective-scan/selective-scan.backward.wasm.ts";
import { complexSelectiveScanForward } from "./selective-scan/complex-selective-scan.wasm.ts";
import { selectiveScanKernels } from "./selective-scan/selective-scan.wasm.ts";
import { gruBackwardKernel } from "./gru/gru.backward.wasm.ts";
import { gruForward } from "./gru/gru.wasm.ts";
import { rnnBackwardKernels } from "./rnn/rnn.backward.wasm.ts";
import { rnnForward } from "./rnn/rnn.wasm.ts";
import { s4Kernels } from "./s4/s4.wasm.ts";
import { ssdBackwardKernel } from "./ssd/ssd.backward.wasm.ts";
import { ssdChunkedBackward } from "./ssd/ssd.chunked.backward.wasm.ts";
import { ssdKernels } from "./ssd/ssd.wasm.ts";

/** The WebAssembly kernels of this package, for `openWasm`. */
export const kernels = [
  ...causalConv1dKernels,
  ...selectiveScanKernels,
  ...ssdKernels,
  ...mamba3Kernels,
  causalConv1dBackwardKernel,
  rollKernel,
  ...selectiveScanBackwardKernels,
  complexSelectiveScanForward,
  complexSelectiveScanBackwardKernel,
  mamba3BackwardKernel,
  mamba3StepsBackwardKernel,
  ssdChunkedBackward,
  ssdBackwardKernel,
  ...associativeScanKernels,
  ...linearScanKernels,
  ...ltiKernels,
  ...ltiBackwardKernels,
  rnnForward,
  ...rnnBackwardKernels,
  gruForward,
  gruBackwardKernel,
  ...s4Kernels,
];
