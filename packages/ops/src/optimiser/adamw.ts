import { defineOp } from "@elapid/tensor";

/**
 * Declaration of one step of AdamW (Loshchilov & Hutter 2019, Algorithm 2; `torch.optim.AdamW`), with
 * `g = gradientScale · gradient` and `t = step`, counted from 1:
 *
 *     newM = beta1 · m + (1 - beta1) · g
 *     newV = beta2 · v + (1 - beta2) · g²
 *     newParameter = (1 - lr · weightDecay) · parameter - lr · newM / (1 - beta1ᵗ) / (√(newV / (1 - beta2ᵗ)) + eps)
 */
export const adamwOp = defineOp({
  name: "adamw",
  inputs: { parameter: "...", gradient: "...", m: "...", v: "..." },
  outputs: { newParameter: "...", newM: "...", newV: "..." },
  attributes: { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.01, gradientScale: 1, step: 1 },
  reference: ({
    inputs: { parameter, gradient, m, v },
    outputs: { newParameter, newM, newV },
    attributes: { lr, beta1, beta2, eps, weightDecay, gradientScale, step },
  }) => {
    const correction1 = 1 - beta1 ** step;
    const correction2 = 1 - beta2 ** step;
    for (let i = 0; i < parameter.length; i++) {
      const g = gradientScale * gradient[i];
      newM[i] = beta1 * m[i] + (1 - beta1) * g;
      newV[i] = beta2 * v[i] + (1 - beta2) * g * g;
      const direction = newM[i] / correction1 / (Math.sqrt(newV[i] / correction2) + eps);
      newParameter[i] = (1 - lr * weightDecay) * parameter[i] - lr * direction;
    }
  },
});
