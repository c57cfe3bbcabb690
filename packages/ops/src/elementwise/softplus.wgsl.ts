import { softplus, wgsl } from "@elapid/webgpu";
import { softplusOp } from "./softplus.ts";
import { unary } from "./unary.wgsl.ts";

export const softplusKernel = unary(softplusOp, wgsl`${softplus} fn apply(x: f32) -> f32 { return softplus(x); }`);
