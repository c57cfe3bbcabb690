import { rmsNorm } from "@elapid/ops";
import type { Tensor } from "@elapid/tensor";
import { constant, type Init } from "./init.ts";
import { Module } from "./module.ts";

export interface GroupRmsNormOptions {
  /** Consecutive parts of equal size that are normalised each by itself. Default 1, the whole width. */
  readonly groups?: number | undefined;
  readonly eps?: number | undefined;
}

/**
 * Root-mean-square norm of each group of features, `x / sqrt(mean over the group of x² + eps) · weight`
 * (`RMSNormGated` of state-spaces/mamba, whose gate is left to the caller).
 *
 * @throws RangeError if `features` is no multiple of `groups`.
 */
export class GroupRmsNorm extends Module {
  readonly weight: Tensor; // features
  readonly groups: number;
  readonly eps: number;

  constructor(features: number, init: Init, { groups = 1, eps = 1e-5 }: GroupRmsNormOptions = {}) {
    super();
    if (features % groups !== 0) {
      throw new RangeError(
        `Cannot make a norm: ${features} features were given but a multiple of ${groups} groups was needed`,
      );
    }
    this.weight = init([features], constant(1));
    this.groups = groups;
    this.eps = eps;
  }

  forward(x: Tensor): Tensor {
    if (this.groups === 1) return rmsNorm(x, this.weight, this.eps);
    const size = this.weight.size / this.groups;
    const grouped = x.reshape([...x.shape.slice(0, -1), this.groups, size]);
    const normed = rmsNorm(grouped, x.device.full([size], 1), this.eps);
    return normed.reshape(x.shape).mul(this.weight);
  }
}
