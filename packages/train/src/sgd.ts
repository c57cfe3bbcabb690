import { defineOp, dispose, type Tensor } from "@elapid/tensor";
import {
  gradientOf,
  isUndecayed,
  requireNonNegative,
  requireShare,
  settingsByName,
  zerosLike,
  type NamedTensors,
  type Optimiser,
  type ParameterGroup,
  type StepOptions,
} from "./optimiser.ts";

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

export interface SgdSettings {
  /** Share of the velocity that is kept. Default 0.9. */
  readonly momentum: number;
  /** Looks ahead by the momentum. Default `false`. */
  readonly nesterov: boolean;
  /** Adds this share of the parameter to its gradient. Default 0. */
  readonly weightDecay: number;
  /** Multiplies the learning rate. Default 1. */
  readonly lrScale: number;
}

export interface SgdOptions extends Partial<SgdSettings> {
  /** Other settings for some parameters. Default: no decay where {@link isUndecayed}. */
  readonly groups?: readonly ParameterGroup<SgdSettings>[];
}

/**
 * Stochastic gradient descent with momentum.
 *
 * @throws RangeError if a setting is out of range.
 */
export class Sgd implements Optimiser {
  stepCount = 0;
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly state: ReadonlyMap<string, Tensor>;
  readonly #settings: ReadonlyMap<string, SgdSettings>;

  constructor(parameters: NamedTensors, options: SgdOptions = {}) {
    const { momentum = 0.9, nesterov = false, weightDecay = 0, lrScale = 1 } = options;
    const { groups = [{ has: isUndecayed, weightDecay: 0 }] } = options;
    this.parameters = new Map(parameters);
    this.#settings = settingsByName(this.parameters, { momentum, nesterov, weightDecay, lrScale }, groups);
    for (const { momentum, weightDecay, lrScale } of this.#settings.values()) {
      requireShare("Sgd", { momentum });
      requireNonNegative("Sgd", { weightDecay, lrScale });
    }
    this.state = new Map(zerosLike(this.parameters, "velocity"));
  }

  step(gradients: Readonly<Record<string, Tensor>>, { lr, gradientScale = 1 }: StepOptions): void {
    for (const name of this.parameters.keys()) gradientOf(gradients, name);
    this.stepCount++;
    for (const [name, parameter] of this.parameters) {
      const { lrScale, ...settings } = this.#settings.get(name)!;
      const velocity = this.state.get(`velocity.${name}`)!;
      const { newParameter, newVelocity } = sgdOp(
        { parameter, gradient: gradientOf(gradients, name), velocity },
        { ...settings, lr: lr * lrScale, gradientScale },
      );
      parameter.assign(newParameter);
      velocity.assign(newVelocity);
    }
  }

  dispose(): void {
    for (const tensor of this.state.values()) tensor.dispose();
  }

  [dispose](): void {
    this.dispose();
  }
}
