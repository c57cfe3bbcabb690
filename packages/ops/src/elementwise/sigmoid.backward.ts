import { defineOp } from "@elapid/tensor";

/** Declaration of the gradient of `sigmoid`: `dx = dy · sigmoid(x) · sigmoid(-x)`. */
export const sigmoidBackward = defineOp({
  name: "sigmoid.backward",
  inputs: { x: "...", dy: "..." },
  outputs: { dx: "..." },
  reference: ({ inputs: { x, dy }, outputs: { dx } }) => {
    for (let i = 0; i < dx.length; i++) dx[i] = dy[i] / ((1 + Math.exp(-x[i])) * (1 + Math.exp(x[i])));
  },
});
