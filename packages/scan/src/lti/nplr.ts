import { complexAt, over, setComplex, times } from "./complex.ts";
import { hermitianEigen } from "./hermitian.ts";
import { hippo, hippoCorrection, type Measure } from "./hippo.ts";

/**
 * A HiPPO system in the basis of the eigenvectors of its normal part, one of each conjugate pair. Complex numbers lie
 * along a last axis of 2: real and imaginary part.
 */
export interface NormalPlusLowRank {
  /** Eigenvalues of `A + Pᵀ P` with non-positive imaginary part, ascending by it: `n/2` complex numbers. */
  readonly w: Float64Array;
  /** `V* Pᵀ`, a row of `n/2` complex numbers for each of `rank`. */
  readonly P: Float64Array;
  /** `V* B`: `n/2` complex numbers. */
  readonly B: Float64Array;
  /** Eigenvectors in columns: `n` by `n/2` complex numbers, the first of each positive. */
  readonly V: Float64Array;
  readonly n: number;
  readonly rank: number;
}

/** Real part of all eigenvalues of `A + Pᵀ P`, its diagonal. */
const decay: Readonly<Record<Measure, number>> = {
  legs: -0.5,
  legt: 0,
  lagt: 0,
  fourier: 0,
  "legs-diagonal": -0.5,
  "fourier-diagonal": -0.5,
};

/**
 * The normal-plus-low-rank form of a HiPPO matrix (Gu et al. 2022, S4, Theorem 1), as `nplr` in state-spaces/s4:
 *
 *     A = 2 Re(V diag(w) V*) - Pᵀ P
 *
 * `A + Pᵀ P` is a multiple of the identity plus a skew-symmetric `S`, and `-i S` is Hermitian. The diagonal measures
 * have rank 0: `w` and `B` are all of them.
 *
 * @throws RangeError as `hippo`, and if `n` is odd: eigenvalues come in pairs.
 */
export function hippoNplr(measure: Measure, n: number): NormalPlusLowRank {
  if (n % 2 !== 0) throw new RangeError(`Cannot diagonalise a HiPPO matrix: n is ${n} but an even number was needed`);
  const { A, B } = hippo(measure, n);
  const correction = hippoCorrection(measure, n);
  const normal = A.map((value, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    return correction.reduce((sum, row) => sum + row[i] * row[j], value);
  });
  const turning = normal.map((_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    return (normal[j * n + i] - normal[at]) / 2; // -S, the diagonal left out
  });
  const eigen = hermitianEigen(new Float64Array(n * n), turning, n);

  const half = n / 2;
  const V = new Float64Array(n * half * 2);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < half; k++) {
      V[(i * half + k) * 2] = eigen.re[i * n + k];
      V[(i * half + k) * 2 + 1] = eigen.im[i * n + k];
    }
  }
  if (measure.startsWith("fourier")) pairOfConstant(V, half);
  else fixPhases(V, n);
  const w = Float64Array.from({ length: n }, (_, at) => (at % 2 === 0 ? decay[measure] : eigen.values[(at - 1) / 2]));
  return {
    w,
    P: Float64Array.from(correction.flatMap((row) => [...inBasis(V, row, half)])),
    B: inBasis(V, B, half),
    V,
    n,
    rank: correction.length,
  };
}

/** An eigenvector has any phase: that in which its first entry is positive is as good as another, and always the same. */
function fixPhases(V: Float64Array, n: number): void {
  for (let at = 0; at < n; at += 2) {
    const first = complexAt(V, at / 2);
    const turn = over({ re: Math.hypot(first.re, first.im), im: 0 }, first);
    for (let i = at; i < V.length; i += n) setComplex(V, i / 2, times(complexAt(V, i / 2), turn));
  }
}

/** The constant does not turn: its eigenvalue is double, and of all its vectors the official one is `(1, i, 0, ...)`. */
function pairOfConstant(V: Float64Array, half: number): void {
  const last = half - 1;
  for (let at = last * 2; at < V.length; at += half * 2) V[at] = V[at + 1] = 0;
  V[last * 2] = Math.SQRT1_2;
  V[(half + last) * 2 + 1] = Math.SQRT1_2;
}

/** `V* vector`. */
function inBasis(V: Float64Array, vector: Float64Array, half: number): Float64Array {
  const result = new Float64Array(half * 2);
  vector.forEach((value, i) => {
    for (let k = 0; k < half; k++) {
      result[2 * k] += V[(i * half + k) * 2] * value;
      result[2 * k + 1] -= V[(i * half + k) * 2 + 1] * value;
    }
  });
  return result;
}
