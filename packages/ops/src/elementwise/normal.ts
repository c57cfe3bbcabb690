/** Density of the normal distribution at `x`. */
export function normalDensity(x: number): number {
  return Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
}

/** From here on the continued fraction of the tail takes fewer than `TERMS`. */
const FAR = 3;
const TERMS = 100;

/**
 * Probability that a normal number is at most `x`: `(1 + erf(x / √2)) / 2`, in 64 bits and with all its digits for
 * negative `x` too. Near 0 the series of Abramowitz & Stegun 26.2.11, whose terms are of one sign; far out Laplace's
 * continued fraction of the tail, 26.2.14.
 */
export function normalCdf(x: number): number {
  const size = Math.abs(x);
  const density = normalDensity(x);
  if (size >= FAR) {
    let fraction = size;
    for (let k = TERMS; k > 0; k--) fraction = size + k / fraction;
    return x < 0 ? density / fraction : 1 - density / fraction;
  }
  let term = x;
  let sum = x;
  for (let k = 3; k < 2 * TERMS; k += 2) {
    term *= (x * x) / k;
    sum += term;
  }
  return 0.5 + density * sum;
}
