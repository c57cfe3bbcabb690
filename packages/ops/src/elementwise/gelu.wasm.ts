import { unary } from "./elementwise.wasm.ts";
import { geluOp } from "./gelu.ts";
import { sigmoidOp } from "./sigmoid.ts";

/** The WebAssembly kernels of GELU, and of the sigmoid by which layers with it gate. */
export const geluKernels = [unary(geluOp, "unaryGelu"), unary(sigmoidOp, "unarySigmoid")];
