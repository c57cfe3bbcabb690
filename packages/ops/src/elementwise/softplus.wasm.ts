import { unary } from "./elementwise.wasm.ts";
import { softplusOp } from "./softplus.ts";

export const softplusKernel = unary(softplusOp, "unarySoftplus");
