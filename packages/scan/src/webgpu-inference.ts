import type { Kernel } from "@elapid/webgpu";
import type { ScanName } from "./scan-name.ts";

/** WGSL kernels that running a model needs, gradients left out; a model loads those of its own layers. */
export const inferenceKernels: Readonly<Record<ScanName, () => Promise<readonly Kernel[]>>> = {
  "causal-conv1d": async () => [(await import("./causal-conv1d/causal-conv1d.forward.wgsl.ts")).causalConv1dForward],
  "selective-scan": async () => (await import("./selective-scan/selective-scan.wgsl.ts")).selectiveScanKernels,
  ssd: async () => (await import("./ssd/ssd.wgsl.ts")).ssdKernels,
  lti: async () => (await import("./lti/lti.webgpu.ts")).ltiInferenceKernels,
  mamba3: async () => (await import("./mamba3/mamba3.wgsl.ts")).mamba3Kernels,
  rnn: async () => [(await import("./rnn/rnn.forward.wgsl.ts")).rnnForward],
  gru: async () => [(await import("./gru/gru.forward.wgsl.ts")).gruForward],
};
