import { defineOp } from "@elapid/tensor";

/**
 * Declaration of one step of gradient descent with momentum (`torch.optim.SGD` without dampening), with
 * `g = gradientScale · gradient + weightDecay · parameter`:
 *
 *     newVelocity = momentum · velocity + g
 *     newParameter = parameter - lr · newVelocity                   nesterov: g + momentum · newVelocity
 */
export const sgdOp = defineOp({
  name: "sgd",
  inputs: { parameter: "...", gradient: "...", velocity: "..." },
  outputs: { newParameter: "...", newVelocity: "..." },
  attributes: { lr: 1e-3, momentum: 0.9, nesterov: false, weightDecay: 0, gradientScale: 1 },
  reference: ({
    inputs: { parameter, gradient, velocity },
    outputs: { newParameter, newVelocity },
    attributes: { lr, momentum, nesterov, weightDecay, gradientScale },
  }) => {
    for (let i = 0; i < parameter.length; i++) {
      const g = gradientScale * gradient[i] + weightDecay * parameter[i];
      newVelocity[i] = momentum * velocity[i] + g;
      newParameter[i] = parameter[i] - lr * (nesterov ? g + momentum * newVelocity[i] : newVelocity[i]);
    }
  },
});
