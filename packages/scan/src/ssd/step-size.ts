/** How a step size is made of what is given; attributes of `ssd`. */
export type StepSizeAttributes = {
  readonly deltaSoftplus: boolean;
  readonly deltaMin: number;
  readonly deltaMax: number;
};

/** The step size of `raw`, which is delta and its bias: softplus, then clamped. */
export function stepSize(raw: number, { deltaSoftplus, deltaMin, deltaMax }: StepSizeAttributes): number {
  return Math.min(Math.max(deltaSoftplus ? softplus(raw) : raw, deltaMin), deltaMax);
}

/** Slope of `stepSize`; where the bounds hold it is 0, on them it is that of softplus. */
export function stepSizeSlope(raw: number, { deltaSoftplus, deltaMin, deltaMax }: StepSizeAttributes): number {
  const unbounded = deltaSoftplus ? softplus(raw) : raw;
  if (unbounded < deltaMin || unbounded > deltaMax) return 0;
  return deltaSoftplus ? 1 / (1 + Math.exp(-raw)) : 1;
}

/** `log(1 + exp(x))`, as PyTorch has it. */
export function softplus(x: number): number {
  return x > 20 ? x : Math.log1p(Math.exp(x));
}
