/**
 * Which measure the state remembers the past by.
 *
 * | measure | weight of the past |
 * | --- | --- |
 * | `"legs"` | all of it alike, scaled to the time passed: Legendre polynomials |
 * | `"legt"` | a sliding window: Legendre polynomials |
 * | `"lagt"` | decaying exponentially: Laguerre polynomials |
 * | `"fourier"` | a sliding window: Fourier basis |
 * | `"legs-diagonal"` | the normal part of `"legs"` alone, `B` halved: what S4D-LegS starts from (`legsd`) |
 * | `"fourier-diagonal"` | the normal part of a Fourier basis alone, damped: what S4D-Lin starts from (`fourier_diag`) |
 */
export type Measure = "legs" | "legt" | "lagt" | "fourier" | "legs-diagonal" | "fourier-diagonal";

/** A linear system `x' = A x + B u` with one input, in 64 bits. */
export interface LinearSystem {
  /** Row major, `n` by `n`. */
  readonly A: Float64Array;
  /** `n` numbers. */
  readonly B: Float64Array;
  readonly n: number;
}

/** Entry of `A` in row `i` and column `j`, and entry `i` of `B`. */
interface Entries {
  readonly a: (i: number, j: number) => number;
  readonly b: (i: number) => number;
}

const norm = (i: number) => Math.sqrt(2 * i + 1);
const fourierNorm = (i: number) => (i === 0 ? 1 : i % 2 === 0 ? Math.SQRT2 : 0);
/** Pairs (2k, 2k + 1) turn `k` times as fast as `base`. */
const turning = (i: number, j: number, base: number) => {
  if (Math.floor(i / 2) !== Math.floor(j / 2)) return 0;
  return base * Math.floor(i / 2) * (i - j);
};
const diagonal = (i: number, j: number) => (i === j ? 1 : 0);

const legs: Entries = {
  a: (i, j) => (i < j ? 0 : i === j ? -(i + 1) : -norm(i) * norm(j)),
  b: norm,
};

const measures: Readonly<Record<Measure, Entries>> = {
  legs,
  legt: {
    a: (i, j) => -0.5 * norm(i) * norm(j) * (i < j && (j - i) % 2 === 1 ? -1 : 1),
    b: (i) => 0.5 * norm(i),
  },
  lagt: {
    a: (i, j) => (i < j ? 0 : i === j ? -0.5 : -1),
    b: () => 1,
  },
  fourier: {
    a: (i, j) => turning(i, j, Math.PI) - fourierNorm(i) * fourierNorm(j),
    b: fourierNorm,
  },
  "legs-diagonal": {
    a: (i, j) => legs.a(i, j) + 0.5 * norm(i) * norm(j),
    b: (i) => 0.5 * norm(i),
  },
  "fourier-diagonal": {
    a: (i, j) => turning(i, j, 2 * Math.PI) - 0.5 * diagonal(i, j),
    b: fourierNorm,
  },
};

/**
 * The system whose state is the best approximation of its past input in `n` basis functions (Gu et al. 2020, HiPPO;
 * Gu et al. 2023, How to Train Your HiPPO), with the constants of `transition` in state-spaces/s4.
 *
 * ```ts
 * const { A, B } = hippo("legs", 64); // A is 64 by 64, lower triangular
 * ```
 *
 * @throws RangeError if the measure is unknown, `n` is not a positive whole number, or it is odd for a Fourier basis.
 */
export function hippo(measure: Measure, n: number): LinearSystem {
  checkMeasure(measure, n, "Cannot make a HiPPO matrix");
  const { a, b } = measures[measure];
  const A = Float64Array.from({ length: n * n }, (_, at) => a(Math.floor(at / n), at % n));
  return { A, B: Float64Array.from({ length: n }, (_, i) => b(i)), n };
}

/**
 * Rows `P` such that `A + Pᵀ P` is a normal matrix, a multiple of the identity plus a skew-symmetric one
 * (`rank_correction` in state-spaces/s4): one row, or two for `"legt"`, or none for the diagonal measures.
 *
 * @throws RangeError as `hippo`.
 */
export function hippoCorrection(measure: Measure, n: number): Float64Array[] {
  checkMeasure(measure, n, "Cannot correct a HiPPO matrix");
  const row = (entry: (i: number) => number) => Float64Array.from({ length: n }, (_, i) => entry(i));
  switch (measure) {
    case "legs":
      return [row((i) => norm(i) * Math.SQRT1_2)];
    case "legt":
      return [1, 0].map((parity) => row((i) => (i % 2 === parity ? norm(i) * Math.SQRT1_2 : 0)));
    case "lagt":
      return [row(() => Math.SQRT1_2)];
    case "fourier":
      return [row(fourierNorm)];
    case "legs-diagonal":
    case "fourier-diagonal":
      return [];
    default:
      return measure satisfies never;
  }
}

function checkMeasure(measure: string, n: number, action: string): void {
  if (!Object.hasOwn(measures, measure)) {
    const known = Object.keys(measures).map((name) => `"${name}"`);
    throw new RangeError(`${action}: measure is "${measure}" but one of ${known.join(", ")} was needed`);
  }
  if (!(Number.isInteger(n) && n > 0))
    throw new RangeError(`${action}: n is ${n} but a positive whole number was needed`);
  if (measure.startsWith("fourier") && n % 2 === 1) {
    throw new RangeError(`${action}: n is ${n} but a Fourier basis has sines and cosines, an even number`);
  }
}
