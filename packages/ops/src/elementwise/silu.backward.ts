import { defineOp } from "@elapid/tensor";

/** Declaration of the gradient of `silu`, with `s = sigmoid(x)`: `dx = dy · s · (1 + x · (1 - s))`. */
export const siluBackward = defineOp({
  name: "silu.backward",
  inputs: { x: "...", dy: "..." },
  outputs: { dx: "..." },
  reference: ({ inputs: { x, dy }, outputs: { dx } }) => {
    for (let i = 0; i < dx.length; i++) {
      const s = 1 / (1 + Math.exp(-x[i]));
      dx[i] = dy[i] * s * (1 + x[i] * (1 - s));
    }
  },
});
