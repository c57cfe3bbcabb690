import {
  randomSource,
  sizeOf,
  type Device,
  type RandomSource,
  type Shape,
  type Tensor,
  type WeightDType,
} from "@elapid/tensor";

/** The value of element `index` (row major) of a parameter. */
export type Fill = (random: RandomSource, index: number) => number;

/**
 * What a parameter is for: `matrix`, the weights of a product or a table of embeddings; `delta`, the weights that give
 * step sizes, whose errors grow from token to token; or anything else.
 */
export type Role = "matrix" | "delta" | "other";

/** Makes a parameter of a shape. Layers say how each parameter starts and what for; the init decides whether to follow. */
export type Init = (shape: Shape, fill: Fill, role?: Role) => Tensor;

/**
 * Parameters without values, for a checkpoint to fill. Matrices have the dtype asked for, but the one for the step
 * sizes stays f32 where that is q8 or q4; everything else is f32.
 */
export function blank(device: Device, dtype: WeightDType = "f32"): Init {
  const delta = dtype === "q8" || dtype === "q4" ? "f32" : dtype;
  const dtypes = { matrix: dtype, delta, other: "f32" } as const;
  return (shape, _, role = "other") => device.empty(shape, dtypes[role]);
}

/** Parameters as their layers ask for them; the same seed gives the same model on every device. */
export function seeded(device: Device, seed: number): Init {
  const random = randomSource(seed);
  return (shape, fill) =>
    device.tensor(
      Float32Array.from({ length: sizeOf(shape) }, (_, i) => fill(random, i)),
      shape,
    );
}

export function constant(value: number): Fill {
  return () => value;
}

/** Between `-bound` and `bound`. */
export function uniform(bound: number): Fill {
  return (random) => (2 * random.next() - 1) * bound;
}

/** Gaussian around 0 (Box-Muller). */
export function normal(deviation: number): Fill {
  return (random) => deviation * Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

/** Logarithms of numbers drawn log-uniformly from `min` to `max`, as S4D draws its step sizes. */
export function logUniform(min: number, max: number): Fill {
  return (random) => Math.log(min) + (Math.log(max) - Math.log(min)) * random.next();
}

/** `log(n + 1)` for state `n`: the real S4D initialisation, `A[n] = -(n + 1)` (Gu et al. 2022). */
export function s4dReal(dState: number): Fill {
  return (_, index) => Math.log((index % dState) + 1);
}

export interface DeltaBiasOptions {
  /** Range of the step size. Defaults 0.001 and 0.1. */
  readonly dtMin?: number;
  readonly dtMax?: number;
  /** No step size is smaller. Default 1e-4. */
  readonly dtInitFloor?: number;
}

/** Biases whose softplus is a step size drawn log-uniformly from `dtMin` to `dtMax`, as in `Mamba.__init__` of state-spaces/mamba. */
export function deltaBias({ dtMin = 0.001, dtMax = 0.1, dtInitFloor = 1e-4 }: DeltaBiasOptions = {}): Fill {
  return (random) => {
    const delta = Math.max(dtMin * (dtMax / dtMin) ** random.next(), dtInitFloor);
    return delta + Math.log(-Math.expm1(-delta)); // the inverse of softplus
  };
}
