import { exponential, wgsl } from "@elapid/webgpu";
import { geluOp } from "./gelu.ts";
import { normal } from "./normal.wgsl.ts";
import { sigmoidOp } from "./sigmoid.ts";
import { unary } from "./unary.wgsl.ts";

const sigmoidKernel = unary(
  sigmoidOp,
  wgsl`${exponential}
    fn apply(x: f32) -> f32 {
      let e = exponential(-abs(x)); // of a negative number, so nothing overflows
      return select(e, 1.0, x >= 0.0) / (1.0 + e);
    }`,
);
const geluKernel = unary(geluOp, wgsl`${normal} fn apply(x: f32) -> f32 { return x * normalCdf(x, normalBell(x)); }`);

/** The WGSL kernels of GELU, and of the sigmoid by which layers with it gate. */
export const geluKernels = [geluKernel, sigmoidKernel];
