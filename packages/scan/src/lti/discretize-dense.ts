import type { LinearSystem } from "./hippo.ts";
import { blend, checkRule, type Rule } from "./rules.ts";

/**
 * A dense system `x' = A x + B u` as a recurrence `x[t] = A x[t-1] + B u[t]` with steps of `dt`, by the zero-order hold or
 * the generalised bilinear transform (`scipy.signal.cont2discrete`).
 *
 *     zoh: A = exp(dt A), B = integral of exp(s A) B over 0 < s < dt
 *     else: A = (I - α dt A)⁻¹ (I + (1 - α) dt A), B = (I - α dt A)⁻¹ dt B
 *
 * with `α` 0 for `"euler"`, 1/2 for `"bilinear"` (Tustin) and 1 for `"backward-euler"`.
 *
 * ```ts
 * const { A, B } = discretizeDense(hippo("legt", 64), 0.01, "bilinear");
 * ```
 *
 * @throws RangeError if the rule is unknown, or `I - α dt A` has no inverse.
 */
export function discretizeDense(system: LinearSystem, dt: number, rule: Rule): LinearSystem {
  checkRule(rule, "Cannot discretise");
  return rule === "zoh" ? hold(system, dt) : transform(system, dt, blend[rule]);
}

/** Both integrals are in the exponential of one matrix, `[[A, B], [0, 0]] dt`. */
function hold({ A, B, n }: LinearSystem, dt: number): LinearSystem {
  const side = n + 1;
  const joined = new Float64Array(side * side);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) joined[i * side + j] = A[i * n + j] * dt;
    joined[i * side + n] = B[i] * dt;
  }
  const result = matrixExp(joined, side);
  return {
    A: A.map((_, at) => result[Math.floor(at / n) * side + (at % n)]),
    B: B.map((_, i) => result[i * side + n]),
    n,
  };
}

function transform({ A, B, n }: LinearSystem, dt: number, at: number): LinearSystem {
  const around = (by: number) => A.map((value, i) => (i % (n + 1) === 0 ? 1 : 0) + by * dt * value);
  const right = around(1 - at);
  // the columns to solve for: those of A, then that of B
  const width = n + 1;
  const columns = new Float64Array(n * width);
  for (let i = 0; i < n; i++) {
    columns.set(right.subarray(i * n, (i + 1) * n), i * width);
    columns[i * width + n] = B[i] * dt;
  }
  solve(around(-at), columns, n, width);
  return {
    A: A.map((_, i) => columns[Math.floor(i / n) * width + (i % n)]),
    B: B.map((_, i) => columns[i * width + n]),
    n,
  };
}

/** Terms of the series: with a norm of at most 1/2 the next one is below 1e-23. */
const TERMS = 18;

/** Exponential of a square matrix: the Taylor series of a scaled one, squared back (Higham 2008, section 10.3). */
function matrixExp(matrix: Float64Array, n: number): Float64Array {
  let norm = 0;
  for (let i = 0; i < n; i++) {
    const sum = matrix.subarray(i * n, (i + 1) * n).reduce((total, value) => total + Math.abs(value), 0);
    norm = Math.max(norm, sum);
  }
  const squarings = norm > 0.5 ? Math.ceil(Math.log2(norm)) + 1 : 0;
  const small = matrix.map((value) => value / 2 ** squarings);
  let result: Float64Array = small.map((_, at) => (at % (n + 1) === 0 ? 1 : 0));
  let term = result;
  for (let k = 1; k <= TERMS; k++) {
    term = product(term, small, n).map((value) => value / k);
    result = result.map((value, at) => value + term[at]);
  }
  for (let s = 0; s < squarings; s++) result = product(result, result, n);
  return result;
}

function product(left: Float64Array, right: Float64Array, n: number): Float64Array {
  const result = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      for (let j = 0; j < n; j++) result[i * n + j] += left[i * n + k] * right[k * n + j];
    }
  }
  return result;
}

/** Replaces `columns`, `n` by `width`, with `matrix⁻¹ columns`: Gaussian elimination with partial pivoting. */
function solve(matrix: Float64Array, columns: Float64Array, n: number, width: number): void {
  const subtract = (array: Float64Array, side: number, from: number, row: number, times: number) => {
    for (let j = 0; j < side; j++) array[from * side + j] -= times * array[row * side + j];
  };
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(matrix[i * n + k]) > Math.abs(matrix[pivot * n + k])) pivot = i;
    if (matrix[pivot * n + k] === 0) throw new RangeError("Cannot discretise: dt is the inverse of an eigenvalue of A");
    swapRows(matrix, n, k, pivot);
    swapRows(columns, width, k, pivot);
    for (let i = k + 1; i < n; i++) {
      const times = matrix[i * n + k] / matrix[k * n + k];
      subtract(matrix, n, i, k, times);
      subtract(columns, width, i, k, times);
    }
  }
  for (let k = n - 1; k >= 0; k--) {
    for (let j = 0; j < width; j++) columns[k * width + j] /= matrix[k * n + k];
    for (let i = 0; i < k; i++) subtract(columns, width, i, k, matrix[i * n + k]);
  }
}

function swapRows(array: Float64Array, side: number, a: number, b: number): void {
  const kept = array.slice(a * side, (a + 1) * side);
  array.copyWithin(a * side, b * side, (b + 1) * side);
  array.set(kept, b * side);
}
