export { openWasm, type WasmOptions } from "./open.ts";
export {
  defineKernel,
  f32Bits,
  type KernelCall,
  type KernelDefinition,
  type KernelModule,
  type KernelPass,
  type WasmKernel,
} from "./kernel.ts";
export type { SimdBuild } from "./module.ts";
