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

/** What is added to a projection, whose own weight stays as it is. */
export interface LinearAdapter {
  /** To the outputs for `x`. */
  outputs(x: Tensor): Tensor;
  /** To the weight, for what multiplies by itself. */
  weight(): Tensor;
}

/** `x · weightᵀ + bias`: maps `... in` to `... out`. */
export class Linear extends Module {
  readonly weight: Tensor; // out in
  readonly bias: Tensor | undefined; // out
  #adapter: LinearAdapter | undefined;

  constructor(inDim: number, outDim: number, init: Init, options: LinearOptions = {}) {
    super();
    const { bias = false, role = "matrix" } = options;
    const { weightFill = uniform(inDim ** -0.5), biasFill = uniform(inDim ** -0.5) } = options;
    this.weight = init([outDim, inDim], weightFill, role);
    this.bias = bias ? init([outDim], biasFill) : undefined;
  }

  /** The weight with what an adapter adds, for recurrences, which multiply a state at a time. */
  get effectiveWeight(): Tensor {
    return this.#adapter === undefined ? this.weight : this.weight.add(this.#adapter.weight());
  }

  /** From now on products have added to them what `adapter` says; `undefined` ends that. */
  adapt(adapter: LinearAdapter | undefined): void {
    this.#adapter = adapter;
  }

  forward(x: Tensor): Tensor {
    return this.#adapted(x, matmul(x, this.weight, this.bias));
  }

  /** As `forward`, for what adds the bias itself. */
  withoutBias(x: Tensor): Tensor {
    return this.#adapted(x, matmul(x, this.weight));
  }

  #adapted(x: Tensor, y: Tensor): Tensor {
    return this.#adapter === undefined ? y : y.add(this.#adapter.outputs(x));
  }
}
