import { defineOp } from "@elapid/tensor";
import { normalCdf, normalDensity } from "./normal.ts";

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

/** Declaration of the gradient of `softplus`: `dx = dy · sigmoid(x)`, and `dy` above 20, where softplus is `x`. */
export const softplusBackward = defineOp({
  name: "softplus.backward",
  inputs: { x: "...", dy: "..." },
  outputs: { dx: "..." },
  reference: ({ inputs: { x, dy }, outputs: { dx } }) => {
    for (let i = 0; i < dx.length; i++) dx[i] = x[i] > 20 ? dy[i] : dy[i] / (1 + Math.exp(-x[i]));
  },
});

/** Declaration of the gradient of `sigmoid`: `dx = dy · sigmoid(x) · sigmoid(-x)`. */
export const sigmoidBackward = defineOp({
  name: "sigmoid.backward",
  inputs: { x: "...", dy: "..." },
  outputs: { dx: "..." },
  reference: ({ inputs: { x, dy }, outputs: { dx } }) => {
    for (let i = 0; i < dx.length; i++) dx[i] = dy[i] / ((1 + Math.exp(-x[i])) * (1 + Math.exp(x[i])));
  },
});

/** Declaration of the gradient of `gelu`, with the normal distribution `Φ` and its density `φ`: `dx = dy · (Φ(x) + x · φ(x))`. */
export const geluBackward = defineOp({
  name: "gelu.backward",
  inputs: { x: "...", dy: "..." },
  outputs: { dx: "..." },
  reference: ({ inputs: { x, dy }, outputs: { dx } }) => {
    for (let i = 0; i < dx.length; i++) dx[i] = dy[i] * (normalCdf(x[i]) + x[i] * normalDensity(x[i]));
  },
});
