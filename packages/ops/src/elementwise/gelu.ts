import { defineOp, type Tensor } from "@elapid/tensor";
import { geluBackward } from "./gelu.backward.ts";
import { normalCdf } from "./normal.ts";

/** Declaration of `gelu(x) = x · (1 + erf(x / √2)) / 2` (Hendrycks & Gimpel 2016), the exact form and not that of tanh. */
export const geluOp = defineOp({
  name: "gelu",
  inputs: { x: "..." },
  outputs: { y: "..." },
  reference: ({ inputs: { x }, outputs: { y } }) => {
    for (let i = 0; i < y.length; i++) y[i] = x[i] * normalCdf(x[i]);
  },
  gradient: ({ inputs: { x }, grads: { y: dy } }) => ({ x: dy && geluBackward({ x, dy }).dx }),
});

/**
 * `x` times the probability that a normal number is below it, elementwise. Kernels are within `1e-6` of each value, or
 * `1e-7` where that is more; far out to the left, where PyTorch's float32 gives 0, digits are kept.
 */
export function gelu(x: Tensor): Tensor {
  return geluOp({ x }).y;
}
