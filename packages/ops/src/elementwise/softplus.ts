import { defineOp, type Tensor } from "@elapid/tensor";
import { softplusBackward } from "./softplus.backward.ts";

/** Declaration of `softplus(x) = log(1 + exp(x))`, which keeps the step size positive; above 20 it is `x`, as in PyTorch. */
export const softplusOp = defineOp({
  name: "softplus",
  inputs: { x: "..." },
  outputs: { y: "..." },
  reference: ({ inputs: { x }, outputs: { y } }) => {
    for (let i = 0; i < y.length; i++) y[i] = x[i] > 20 ? x[i] : Math.log1p(Math.exp(x[i]));
  },
  gradient: ({ inputs: { x }, grads: { y: dy } }) => ({ x: dy && softplusBackward({ x, dy }).dx }),
});

/** `log(1 + exp(x))`, elementwise. */
export function softplus(x: Tensor): Tensor {
  return softplusOp({ x }).y;
}
