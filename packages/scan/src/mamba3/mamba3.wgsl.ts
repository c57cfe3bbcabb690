import { mamba3StepsKernel } from "../mamba3-steps/mamba3-steps.wgsl.ts";
import { mamba3ForwardKernel } from "./mamba3.forward.wgsl.ts";

/** Forward kernels of Mamba-3, with what plans its steps. */
export const mamba3Kernels = [mamba3StepsKernel, mamba3ForwardKernel];
