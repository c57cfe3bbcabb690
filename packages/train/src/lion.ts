import { lionOp } from "@elapid/ops";
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

export interface LionSettings {
  /** Share of the mean gradient that the direction keeps. Default 0.9. */
  readonly beta1: number;
  /** Share of the mean gradient that is kept from step to step. Default 0.99. */
  readonly beta2: number;
  /** Share of a parameter that is taken away, times the learning rate. Default 0.1. */
  readonly weightDecay: number;
  /** Multiplies the learning rate. Default 1. */
  readonly lrScale: number;
}

export interface LionOptions extends Partial<LionSettings> {
  /** Other settings for some parameters. Default: no decay where {@link isUndecayed}. */
  readonly groups?: readonly ParameterGroup<LionSettings>[];
}

/**
 * Lion (Chen et al. 2023): every element moves by the learning rate, in the direction of a mean of gradients. It carries half of what
 * AdamW does; its learning rate is three to ten times smaller and its weight decay as many times larger.
 *
 * @throws RangeError if a setting is out of range.
 */
export class Lion implements Optimiser {
  stepCount = 0;
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly state: ReadonlyMap<string, Tensor>;
  readonly #settings: ReadonlyMap<string, LionSettings>;

  constructor(parameters: NamedTensors, options: LionOptions = {}) {
    const { beta1 = 0.9, beta2 = 0.99, weightDecay = 0.1, lrScale = 1 } = options;
    const { groups = [{ has: isUndecayed, weightDecay: 0 }] } = options;
    this.parameters = new Map(parameters);
    this.#settings = settingsByName(this.parameters, { beta1, beta2, weightDecay, lrScale }, groups);
    for (const { beta1, beta2, weightDecay, lrScale } of this.#settings.values()) {
      requireShare("Lion", { beta1, beta2 });
      requireNonNegative("Lion", { weightDecay, lrScale });
    }
    this.state = new Map(zerosLike(this.parameters, "m"));
  }

  step(gradients: Readonly<Record<string, Tensor>>, { lr, gradientScale = 1 }: StepOptions): void {
    for (const name of this.parameters.keys()) gradientOf(gradients, name);
    this.stepCount++;
    for (const [name, parameter] of this.parameters) {
      const { lrScale, ...settings } = this.#settings.get(name)!;
      const m = this.state.get(`m.${name}`)!;
      const { newParameter, newM } = lionOp(
        { parameter, gradient: gradientOf(gradients, name), m },
        { ...settings, lr: lr * lrScale, gradientScale },
      );
      parameter.assign(newParameter);
      m.assign(newM);
    }
  }

  dispose(): void {
    for (const tensor of this.state.values()) tensor.dispose();
  }

  [dispose](): void {
    this.dispose();
  }
}
