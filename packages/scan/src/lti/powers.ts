import type { Complex } from "./complex.ts";

/** Adds `2 Re(weight · factor^l)` to each `sums[l]`: what a mode and its conjugate answer to an impulse. */
export function addPowers(sums: Float64Array, weight: Complex, factor: Complex): void {
  let { re, im } = weight;
  for (let l = 0; l < sums.length; l++) {
    sums[l] += 2 * re;
    [re, im] = [re * factor.re - im * factor.im, re * factor.im + im * factor.re];
  }
}

/** Gradients by weight and factor, given those by the sums. */
export function powersGradient(
  dsums: ArrayLike<number>,
  weight: Complex,
  factor: Complex,
): { dweight: Complex; dfactor: Complex } {
  // Horner's scheme from the last power down: value = sum of dsums[l] factor^l, slope = its derivative by factor
  let [re, im, slopeRe, slopeIm] = [0, 0, 0, 0];
  for (let l = dsums.length - 1; l >= 0; l--) {
    [slopeRe, slopeIm] = [
      slopeRe * factor.re - slopeIm * factor.im + re,
      slopeRe * factor.im + slopeIm * factor.re + im,
    ];
    [re, im] = [re * factor.re - im * factor.im + dsums[l], re * factor.im + im * factor.re];
  }
  return {
    dweight: { re: 2 * re, im: -2 * im },
    dfactor: {
      re: 2 * (weight.re * slopeRe - weight.im * slopeIm),
      im: -2 * (weight.re * slopeIm + weight.im * slopeRe),
    },
  };
}
