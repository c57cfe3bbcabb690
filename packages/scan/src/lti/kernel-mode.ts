import { conjTimes, times, type Complex } from "./complex.ts";
import { addPowers, powersGradient } from "./powers.ts";
import { discretizeMode } from "./rules.ts";

/** One mode of a diagonal system with one input and one output. */
export interface DiagonalMode {
  readonly a: Complex;
  readonly b: Complex;
  readonly c: Complex;
  readonly dt: number;
}

/** Adds what the mode and its conjugate give to the convolution kernel: `2 Re(c · input · factor^l)`. */
export function addKernel(kernel: Float64Array, { a, b, c, dt }: DiagonalMode, rule: string): void {
  const { factor, input } = discretizeMode(rule, a, b, dt);
  addPowers(kernel, times(c, input), factor);
}

/** Gradients by the mode, given those by the kernel. */
export function kernelGradient(
  dkernel: ArrayLike<number>,
  { a, b, c, dt }: DiagonalMode,
  rule: string,
): { da: Complex; db: Complex; dc: Complex; ddt: number } {
  const { factor, input, gradient } = discretizeMode(rule, a, b, dt);
  const { dweight, dfactor } = powersGradient(dkernel, times(c, input), factor);
  return { ...gradient(dfactor, conjTimes(c, dweight)), dc: conjTimes(input, dweight) };
}

/** @throws RangeError if the attribute `time` is not a length. */
export function checkTime(time: number, op: string): void {
  if (Number.isInteger(time) && time >= 0) return;
  throw new RangeError(`Cannot run "${op}": time is ${time} but a whole number of steps was needed`);
}
