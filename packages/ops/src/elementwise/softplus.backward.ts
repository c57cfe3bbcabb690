import { defineOp } from "@elapid/tensor";

/** Declaration of the gradient of `softplus`: `dx = dy · sigmoid(x)`, and `dy` above 20, where softplus is `x`. */
export const softplusBackward = defineOp({
  name: "softplus.backward",
  inputs: { x: "...", dy: "..." },
  outputs: { dx: "..." },
  reference: ({ inputs: { x, dy }, outputs: { dx } }) => {
    for (let i = 0; i < dx.length; i++) dx[i] = x[i] > 20 ? dy[i] : dy[i] / (1 + Math.exp(-x[i]));
  },
});
