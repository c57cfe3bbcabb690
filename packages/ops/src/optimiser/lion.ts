import { defineOp } from "@elapid/tensor";

/**
 * Declaration of one step of Lion (Chen et al. 2023, Algorithm 2), with `g = gradientScale · gradient`:
 *
 *     c = beta1 · m + (1 - beta1) · g
 *     newParameter = parameter - lr · (sign(c) + weightDecay · parameter)
 *     newM = beta2 · m + (1 - beta2) · g
 *
 * The sign of 0 is 0, and that of NaN is NaN.
 */
export const lionOp = defineOp({
  name: "lion",
  inputs: { parameter: "...", gradient: "...", m: "..." },
  outputs: { newParameter: "...", newM: "..." },
  attributes: { lr: 1e-4, beta1: 0.9, beta2: 0.99, weightDecay: 0, gradientScale: 1 },
  reference: ({
    inputs: { parameter, gradient, m },
    outputs: { newParameter, newM },
    attributes: { lr, beta1, beta2, weightDecay, gradientScale },
  }) => {
    for (let i = 0; i < parameter.length; i++) {
      const g = gradientScale * gradient[i];
      const c = beta1 * m[i] + (1 - beta1) * g;
      newParameter[i] = parameter[i] - lr * (Math.sign(c) + weightDecay * parameter[i]);
      newM[i] = beta2 * m[i] + (1 - beta2) * g;
    }
  },
});
