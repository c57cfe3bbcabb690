import { causalConv1d } from "@elapid/scan";
import type { Tensor } from "@elapid/tensor";
import { uniform, type Init } from "./init.ts";
import { Module } from "./module.ts";

export interface CausalConv1dOptions {
  readonly bias?: boolean | undefined;
  readonly activation?: "none" | "silu";
}

export interface CausalConv1dInput {
  readonly x: Tensor; // batch time channels
  /** The `width - 1` inputs before `x`, oldest first. Default: zeros. */
  readonly initialState?: Tensor | undefined; // batch channels window
  /** Integers, 0 where a step is padding. */
  readonly mask?: Tensor | undefined; // batch time
  /** Integers, numbers of packed sequences: one begins wherever the number changes, and its window with it. */
  readonly seqIdx?: Tensor | undefined; // batch time
}

/** Causal depthwise convolution over time. The weight keeps the shape that PyTorch's Conv1d gives it, `channels 1 width`. */
export class CausalConv1d extends Module {
  readonly weight: Tensor; // channels 1 width
  readonly bias: Tensor | undefined; // channels
  readonly activation: "none" | "silu";

  constructor(channels: number, width: number, init: Init, options: CausalConv1dOptions = {}) {
    super();
    const { bias = true, activation = "none" } = options;
    this.weight = init([channels, 1, width], uniform(width ** -0.5));
    this.bias = bias ? init([channels], uniform(width ** -0.5)) : undefined;
    this.activation = activation;
  }

  forward({ x, initialState, mask, seqIdx }: CausalConv1dInput): { y: Tensor; finalState: Tensor } {
    const [channels, , width] = this.weight.shape;
    const weight = this.weight.reshape([channels, width]);
    return causalConv1d({ x, weight, bias: this.bias, initialState, mask, seqIdx }, { activation: this.activation });
  }
}
