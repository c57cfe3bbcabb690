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
  #adapter: ((x: Tensor) => Tensor) | undefined;

  constructor(inDim: number, outDim: number, init: Init, options: LinearOptions = {}) {
    super();
    const { bias = false, role = "matrix" } = options;
    const { weightFill = uniform(inDim ** -0.5), biasFill = uniform(inDim ** -0.5) } = options;
    this.weight = init([outDim, inDim], weightFill, role);
    this.bias = bias ? init([outDim], biasFill) : undefined;
  }

  /** From now on outputs have added to them what `adapter` makes of `x`; `undefined` ends that. */
  adapt(adapter: ((x: Tensor) => Tensor) | undefined): void {
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
    return this.#adapter === undefined ? y : y.add(this.#adapter(x));
  }
}
