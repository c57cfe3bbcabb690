import { sgdOp } from "@elapid/ops";
import { dispose, type Tensor } from "@elapid/tensor";
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
