import { emaOp, matmul, matmulInputGradient, matmulWeightGradient, rmsNorm } from "@elapid/ops";
import { dispose, type Tensor } from "@elapid/tensor";
import { AdamW, type AdamWOptions } from "./adamw.ts";
import {
  gradientOf,
  isUndecayed,
  requireNonNegative,
  requireShare,
  zerosLike,
  type NamedTensors,
  type Optimiser,
  type StepOptions,
} from "./optimiser.ts";

export interface MuonOptions {
  /** Share of the mean gradient that is kept. Default 0.95. */
  readonly momentum?: number;
  /** Share of a parameter that is taken away, times the learning rate. Default 0.1. */
  readonly weightDecay?: number;
  /** Which parameters; AdamW has the others. Default: {@link isProjection}. */
  readonly has?: (name: string, parameter: Tensor) => boolean;
  /** Settings for the others. Default: the same weight decay, and those of {@link AdamW}. */
  readonly rest?: AdamWOptions;
}

/** Coefficients of a step of the iteration, of which there are five: singular values come to lie within 0.7 and 1.2. */
const [LINEAR, CUBIC, QUINTIC] = [3.4445, -4.775, 2.0315];
const ITERATIONS = 5;
/** Brings the mean square of an update to that which updates of AdamW usually have, so that both share a learning rate. */
const LIKE_ADAMW = 0.2;

/**
 * Whether a parameter is a matrix between two widths of a model, as Muon is for: no embedding or head, convolution, or what
 * belongs to a system of Mamba.
 */
export function isProjection(name: string, { shape }: Tensor): boolean {
  const others = /(^|\.)(\w*[eE]mbeddings?|lmHead|head|conv1d)\./;
  return shape.length === 2 && !isUndecayed(name) && !others.test(name);
}

/**
 * Muon (Jordan et al. 2024; `torch.optim.Muon` with `match_rms_adamw`): a matrix moves by its mean gradient with all singular values
 * brought near 1, which takes products of matrices alone (Newton and Schulz). All else moves by AdamW.
 *
 *     m' = momentum · m + (1 - momentum) · g
 *     u  = momentum · m' + (1 - momentum) · g
 *     parameter' = (1 - lr · weightDecay) · parameter - lr · 0.2 · √(larger side) · orthogonal(u)
 *
 * It carries half of what AdamW does for a matrix. A step costs 15 products along the smaller side.
 *
 * @throws RangeError if a setting is out of range.
 */
export class Muon implements Optimiser {
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly state: ReadonlyMap<string, Tensor>;
  readonly #matrices: ReadonlyMap<string, Tensor>;
  readonly #rest: AdamW;
  readonly #momentum: number;
  readonly #weightDecay: number;
  /** Ones, as many as the largest matrix has elements. */
  readonly #ones: Tensor | undefined;

  constructor(parameters: NamedTensors, options: MuonOptions = {}) {
    const { momentum = 0.95, weightDecay = 0.1, has = isProjection, rest } = options;
    requireShare("Muon", { momentum });
    requireNonNegative("Muon", { weightDecay });
    this.#momentum = momentum;
    this.#weightDecay = weightDecay;
    this.parameters = new Map(parameters);
    const entries = [...this.parameters];
    this.#matrices = new Map(entries.filter(([name, parameter]) => has(name, parameter)));
    for (const [name, { shape }] of this.#matrices) {
      if (shape.length !== 2) throw new TypeError(`Cannot make Muon: "${name}" is no matrix; leave it to AdamW`);
    }
    this.#rest = new AdamW(
      entries.filter(([name]) => !this.#matrices.has(name)),
      { weightDecay, ...rest },
    );
    const [first] = this.#matrices.values();
    this.#ones = first?.device.full([Math.max(...[...this.#matrices.values()].map(({ size }) => size))], 1);
    this.state = new Map([...zerosLike(this.#matrices, "momentum"), ...this.#rest.state]);
  }

  get stepCount(): number {
    return this.#rest.stepCount;
  }

  set stepCount(steps: number) {
    this.#rest.stepCount = steps;
  }

  step(gradients: Readonly<Record<string, Tensor>>, { lr, gradientScale = 1 }: StepOptions): void {
    for (const name of this.parameters.keys()) gradientOf(gradients, name);
    this.#rest.step(gradients, { lr, gradientScale });
    for (const [name, parameter] of this.#matrices) {
      using scope = parameter.device.scope();
      const mean = this.state.get(`momentum.${name}`)!;
      const gradient = times(gradientOf(gradients, name), gradientScale);
      const settings = { decay: this.#momentum };
      const { newAverage: next } = emaOp({ average: mean, parameter: gradient }, settings);
      const { newAverage: ahead } = emaOp({ average: next, parameter: gradient }, settings);
      const rate = lr * LIKE_ADAMW * Math.sqrt(Math.max(...parameter.shape));
      const kept = times(parameter, 1 - lr * this.#weightDecay);
      parameter.assign(scope.keep(kept.add(times(this.#orthogonal(ahead), -rate))));
      mean.assign(scope.keep(next));
    }
  }

  dispose(): void {
    for (const tensor of this.state.values()) tensor.dispose();
    this.#ones?.dispose();
  }

  [dispose](): void {
    this.dispose();
  }

  /** A matrix with the same singular vectors, whose singular values are near 1. */
  #orthogonal(matrix: Tensor): Tensor {
    const { shape, size } = matrix;
    const [rows, columns] = shape;
    const ones = this.#ones!.slice(0, 0, size);
    let x = times(rmsNorm(matrix.reshape([1, size]), ones, 1e-20).reshape(shape), 1 / Math.sqrt(size));
    for (let i = 0; i < ITERATIONS; i++) {
      // the product with itself along the larger side is symmetric, so turning it round changes nothing
      const square = rows <= columns ? matmul(x, x) : matmulWeightGradient({ dy: x, x }).dweight;
      const factor = times(square, CUBIC).add(times(matmul(square, square), QUINTIC));
      const moved = rows <= columns ? matmulInputGradient({ dy: factor, weight: x }).dx : matmul(x, factor);
      x = times(x, LINEAR).add(moved);
    }
    return x;
  }
}

function times(tensor: Tensor, factor: number): Tensor {
  return factor === 1 ? tensor : tensor.mul(tensor.device.full([], factor));
}
