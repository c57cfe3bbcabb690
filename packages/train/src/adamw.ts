import { adamwOp } from "@elapid/ops";
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

export interface AdamWSettings {
  /** Share of the mean gradient that is kept. Default 0.9. */
  readonly beta1: number;
  /** Share of the mean square that is kept. Default 0.95, as usual for language models. */
  readonly beta2: number;
  /** Keeps the division away from 0. Default 1e-8. */
  readonly eps: number;
  /** Share of a parameter that is taken away, times the learning rate. Default 0.1. */
  readonly weightDecay: number;
  /** Multiplies the learning rate. Default 1. */
  readonly lrScale: number;
}

export interface AdamWOptions extends Partial<AdamWSettings> {
  /** Other settings for some parameters. Default: no decay where {@link isUndecayed}. */
  readonly groups?: readonly ParameterGroup<AdamWSettings>[];
}

/**
 * AdamW: Adam whose weight decay does not pass through the moments.
 *
 * ```ts
 * const optimiser = new AdamW(model.parameters(), { weightDecay: 0.1 });
 * optimiser.step(gradients, { lr: 1e-3 });
 * ```
 *
 * @throws RangeError if a setting is out of range.
 */
export class AdamW implements Optimiser {
  stepCount = 0;
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly state: ReadonlyMap<string, Tensor>;
  readonly #settings: ReadonlyMap<string, AdamWSettings>;

  constructor(parameters: NamedTensors, options: AdamWOptions = {}) {
    const { beta1 = 0.9, beta2 = 0.95, eps = 1e-8, weightDecay = 0.1, lrScale = 1 } = options;
    const { groups = [{ has: isUndecayed, weightDecay: 0 }] } = options;
    this.parameters = new Map(parameters);
    this.#settings = settingsByName(this.parameters, { beta1, beta2, eps, weightDecay, lrScale }, groups);
    for (const { beta1, beta2, eps, weightDecay, lrScale } of this.#settings.values()) {
      requireShare("AdamW", { beta1, beta2 });
      requireNonNegative("AdamW", { eps, weightDecay, lrScale });
    }
    this.state = new Map([...zerosLike(this.parameters, "m"), ...zerosLike(this.parameters, "v")]);
  }

  step(gradients: Readonly<Record<string, Tensor>>, { lr, gradientScale = 1 }: StepOptions): void {
    for (const name of this.parameters.keys()) gradientOf(gradients, name);
    this.stepCount++;
    for (const [name, parameter] of this.parameters) {
      const { lrScale, ...settings } = this.#settings.get(name)!;
      const m = this.state.get(`m.${name}`)!;
      const v = this.state.get(`v.${name}`)!;
      const { newParameter, newM, newV } = adamwOp(
        { parameter, gradient: gradientOf(gradients, name), m, v },
        { ...settings, lr: lr * lrScale, gradientScale, step: this.stepCount },
      );
      parameter.assign(newParameter);
      m.assign(newM);
      v.assign(newV);
    }
  }

  dispose(): void {
    for (const tensor of this.state.values()) tensor.dispose();
  }

  [dispose](): void {
    this.dispose();
  }
}
