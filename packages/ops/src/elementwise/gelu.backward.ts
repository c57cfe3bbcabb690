import { defineOp } from "@elapid/tensor";
import { normalCdf, normalDensity } from "./normal.ts";

/** Declaration of the gradient of `gelu`, with the normal distribution `Φ` and its density `φ`: `dx = dy · (Φ(x) + x · φ(x))`. */
export const geluBackward = defineOp({
  name: "gelu.backward",
  inputs: { x: "...", dy: "..." },
  outputs: { dx: "..." },
  reference: ({ inputs: { x, dy }, outputs: { dx } }) => {
    for (let i = 0; i < dx.length; i++) dx[i] = dy[i] * (normalCdf(x[i]) + x[i] * normalDensity(x[i]));
  },
});
