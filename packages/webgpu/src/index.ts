export { classify, type AdapterKind, type AdapterOptions } from "./adapter.ts";
export { WebGpuBackend, type BackendOptions } from "./backend.ts";
export { FORWARD_PROGRESS, grantsForwardProgress } from "./forward-progress.ts";
export { compileKernel, kernelVariants, type KernelVariant } from "./compile.ts";
export {
  defineKernel,
  UNIFORM_ELEMENTS,
  type Kernel,
  type KernelContext,
  type KernelDefinition,
  type KernelLimits,
  type Pass,
  type Traffic,
} from "./kernel.ts";
export { openWebGpu, type OpenWebGpuOptions } from "./open.ts";
export { probeAdapter, type AdapterReport } from "./probe.ts";
export { cosineSine } from "./snippets/cosine-sine.wgsl.ts";
export { exponential } from "./snippets/exponential.wgsl.ts";
export { groupIndex } from "./snippets/group-index.wgsl.ts";
export { nan } from "./snippets/nan.wgsl.ts";
export { reduce } from "./snippets/reduce.wgsl.ts";
export { silu } from "./snippets/silu.wgsl.ts";
export { softplus } from "./snippets/softplus.wgsl.ts";
export { tanh } from "./snippets/tanh.wgsl.ts";
export { wgsl, type Hole, type Wgsl } from "./wgsl.ts";
