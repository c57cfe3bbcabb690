import { defineOp, type Tensor } from "@elapid/tensor";

/** Declaration of `silu(x) = x · sigmoid(x)` (Hendrycks & Gimpel 2016), the activation and gate of Mamba. */
export const siluOp = defineOp({
  name: "silu",
  inputs: { x: "..." },
  outputs: { y: "..." },
  reference: ({ inputs: { x }, outputs: { y } }) => {
    for (let i = 0; i < y.length; i++) y[i] = x[i] / (1 + Math.exp(-x[i]));
  },
});

/** `x · sigmoid(x)`, elementwise. */
export function silu(x: Tensor): Tensor {
  return siluOp({ x }).y;
}
