import { matmul } from "@elapid/ops";
import type { Tensor } from "@elapid/tensor";
import { uniform, type Fill, type Init, type Role } from "./init.ts";
import { Module } from "./module.ts";

export interface LinearOptions {
  /** Adds a bias to every output. Default `false`. */
  readonly bias?: boolean | undefined;
  /** How weights start. Default: uniform in ±1/√in, as in PyTorch. */
  readonly weightFill?: Fill;
  /** How biases start. Default: as the weights of PyTorch's Linear, uniform in ±1/√in. */
  readonly biasFill?: Fill;
  /** What it is for. Default `"matrix"`. */
  readonly role?: Role;
}

/** `x · weightᵀ + bias`: maps `... in` to `... out`. */
export class Linear extends Module {
  readonly weight: Tensor; // out in
  readonly bias: Tensor | undefined; // out
  #adapter: ((weight: Tensor) => Tensor) | undefined;

  constructor(inDim: number, outDim: number, init: Init, options: LinearOptions = {}) {
    super();
    const { bias = false, role = "matrix" } = options;
    const { weightFill = uniform(inDim ** -0.5), biasFill = uniform(inDim ** -0.5) } = options;
    this.weight = init([outDim, inDim], weightFill, role);
    this.bias = bias ? init([outDim], biasFill) : undefined;
  }

  /** The weight that products use: its own, or what an adapter makes of it. */
  get effectiveWeight(): Tensor {
    return this.#adapter?.(this.weight) ?? this.weight;
  }

  /** From now on products use what `adapter` makes of the weight; `undefined` ends that. */
  adapt(adapter: ((weight: Tensor) => Tensor) | undefined): void {
    this.#adapter = adapter;
  }

  forward(x: Tensor): Tensor {
    return matmul(x, this.effectiveWeight, this.bias);
  }
}
