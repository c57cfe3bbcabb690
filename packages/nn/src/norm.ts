import { addRmsNorm, layerNorm, rmsNorm } from "@elapid/ops";
import type { Tensor } from "@elapid/tensor";
import { constant, type Init } from "./init.ts";
import { Module } from "./module.ts";

/** A normalisation of the last dimension that a residual stream passes before each mixer. */
export interface Norm extends Module {
  forward(x: Tensor): Tensor;
  /** `sum = x + residual` and the norm of it. */
  addForward(x: Tensor, residual: Tensor): { readonly y: Tensor; readonly sum: Tensor };
}

/** `x / sqrt(mean(x²) + eps) · weight`. */
export class RmsNorm extends Module implements Norm {
  readonly weight: Tensor; // features
  readonly eps: number;

  constructor(features: number, init: Init, eps = 1e-5) {
    super();
    this.weight = init([features], constant(1));
    this.eps = eps;
  }

  forward(x: Tensor): Tensor {
    return rmsNorm(x, this.weight, this.eps);
  }

  addForward(x: Tensor, residual: Tensor): { y: Tensor; sum: Tensor } {
    return addRmsNorm(x, residual, this.weight, this.eps);
  }
}

/** `(x - mean) / sqrt(variance + eps) · weight + bias`. */
export class LayerNorm extends Module implements Norm {
  readonly weight: Tensor; // features
  readonly bias: Tensor; // features
  readonly eps: number;

  constructor(features: number, init: Init, eps = 1e-5) {
    super();
    this.weight = init([features], constant(1));
    this.bias = init([features], constant(0));
    this.eps = eps;
  }

  forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight, this.bias, this.eps);
  }

  addForward(x: Tensor, residual: Tensor): { y: Tensor; sum: Tensor } {
    const sum = x.add(residual);
    return { y: this.forward(sum), sum };
  }
}
