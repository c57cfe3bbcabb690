import { defineOp, type Tensor } from "@elapid/tensor";
import { siluBackward } from "./silu.backward.ts";

/** Declaration of `silu(x) = x · sigmoid(x)` (Hendrycks & Gimpel 2016), the activation and gate of Mamba. */
export const siluOp = defineOp({
  name: "silu",
  inputs: { x: "..." },
  outputs: { y: "..." },
  reference: ({ inputs: { x }, outputs: { y } }) => {
    for (let i = 0; i < y.length; i++) y[i] = x[i] / (1 + Math.exp(-x[i]));
  },
  gradient: ({ inputs: { x }, grads: { y: dy } }) => ({ x: dy && siluBackward({ x, dy }).dx }),
});

/** `x · sigmoid(x)`, elementwise. */
export function silu(x: Tensor): Tensor {
  return siluOp({ x }).y;
}
