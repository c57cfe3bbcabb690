import type { WasmKernel } from "@elapid/wasm";
import type { ScanName } from "./scan-name.ts";

/** The WebAssembly kernels that running a model needs, gradients left out; a model loads those of its own layers. */
export const inferenceKernels: Readonly<Record<ScanName, () => Promise<readonly WasmKernel[]>>> = {
  "causal-conv1d": async () => (await import("./causal-conv1d/causal-conv1d.wasm.ts")).causalConv1dKernels,
  "selective-scan": async () => (await import("./selective-scan/selective-scan.wasm.ts")).selectiveScanKernels,
  ssd: async () => (await import("./ssd/ssd.wasm.ts")).ssdKernels,
  lti: async () => (await import("./lti/lti.wasm.ts")).ltiKernels,
  mamba3: async () => (await import("./mamba3/mamba3.wasm.ts")).mamba3Kernels,
  rnn: async () => [(await import("./rnn/rnn.wasm.ts")).rnnForward],
  gru: async () => [(await import("./gru/gru.wasm.ts")).gruForward],
};
