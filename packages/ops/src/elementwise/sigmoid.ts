import { defineOp, type Tensor } from "@elapid/tensor";
import { sigmoidBackward } from "./sigmoid.backward.ts";

/** Declaration of `sigmoid(x) = 1 / (1 + exp(-x))`. */
export const sigmoidOp = defineOp({
  name: "sigmoid",
  inputs: { x: "..." },
  outputs: { y: "..." },
  reference: ({ inputs: { x }, outputs: { y } }) => {
    for (let i = 0; i < y.length; i++) y[i] = 1 / (1 + Math.exp(-x[i]));
  },
  gradient: ({ inputs: { x }, grads: { y: dy } }) => ({ x: dy && sigmoidBackward({ x, dy }).dx }),
});

/** `1 / (1 + exp(-x))`, elementwise. */
export function sigmoid(x: Tensor): Tensor {
  return sigmoidOp({ x }).y;
}

/**
 * Gated linear unit (Dauphin et al. 2016): the first half of the last dimension times the sigmoid of the second, as
 * PyTorch's `GLU`. Maps `... 2 · features` to `... features`.
 *
 * @throws RangeError if the last dimension cannot be halved.
 */
export function glu(x: Tensor): Tensor {
  const width = x.shape[x.shape.length - 1];
  if (width % 2 !== 0) {
    throw new RangeError(`Cannot run "glu": the last dimension of x is ${width} but an even number was needed`);
  }
  const [value, gate] = x.split([width / 2, width / 2]);
  return value.mul(sigmoid(gate));
}
