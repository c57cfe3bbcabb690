import { discretizeDense } from "@elapid/scan";
import { addTimes, normals, type SignalSpace } from "./signals.ts";

/** How wrong a state may be for its decoder to be as good as ever: about what 32 bits leave after a long sequence. */
const NOISE = 1e-5;

/**
 * A memory by a random system, `x' = A x + B u` with normal entries, `A` moved left until it is stable. It has no basis functions,
 * so it gets the best linear decoder that there is for signals of the space, which no other memory here is given:
 * with `M` from signals to states and `S` the signals' covariance, `u = S Mᵀ (M S Mᵀ + noise)⁻¹ x`.
 *
 * @param pace how far the system moves on over the whole length
 */
export function randomMemory(n: number, pace: number, space: SignalSpace, seed: number) {
  const { length } = space.basis[0];
  const normal = normals(seed);
  const continuous = {
    A: Float64Array.from({ length: n * n }, (_, at) => normal() / Math.sqrt(n) - (at % (n + 1) === 0 ? 1.1 : 0)),
    B: Float64Array.from({ length: n }, normal),
    n,
  };
  const { A, B } = discretizeDense(continuous, pace / length, "bilinear");
  const stateOf = (signals: readonly Float64Array[]) => {
    const states = signals.map(() => new Float64Array(n));
    let answer = B; // of the state to a sample that came `age` samples before the end
    for (let age = 0; age < length; age++) {
      for (const [i, signal] of signals.entries()) addTimes(states[i], signal[length - 1 - age], answer);
      answer = times(A, answer);
    }
    return states;
  };
  const seen = stateOf(space.basis);
  const gram = new Float64Array(n * n); // M S Mᵀ
  for (const state of seen) for (let i = 0; i < n; i++) addTimes(gram.subarray(i * n, (i + 1) * n), state[i], state);
  const size = Float64Array.from({ length: n }, (_, i) => gram[i * (n + 1)]).reduce((sum, value) => sum + value, 0) / n;
  for (let i = 0; i < n; i++) gram[i * (n + 1)] += NOISE ** 2 * size;
  const factor = cholesky(gram, n);
  return (signal: Float64Array): Float64Array => {
    const z = solve(factor, stateOf([signal])[0]);
    const again = new Float64Array(length);
    for (const [i, wave] of space.basis.entries()) {
      addTimes(
        again,
        seen[i].reduce((sum, value, j) => sum + value * z[j], 0),
        wave,
      );
    }
    return again;
  };
}

function times(matrix: Float64Array, vector: Float64Array): Float64Array {
  const n = vector.length;
  return vector.map((_, i) => {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += matrix[i * n + j] * vector[j];
    return sum;
  });
}

/** The lower triangle `L` of a symmetric positive matrix `L Lᵀ`. */
function cholesky(matrix: Float64Array, n: number): Float64Array {
  const L = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * n + j];
      for (let k = 0; k < j; k++) sum -= L[i * n + k] * L[j * n + k];
      L[i * n + j] = i === j ? Math.sqrt(Math.max(sum, Number.MIN_VALUE)) : sum / L[j * n + j];
    }
  }
  return L;
}

/** What `L Lᵀ` takes to `right`. */
function solve(L: Float64Array, right: Float64Array): Float64Array {
  const n = right.length;
  const x = right.slice();
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i] -= L[i * n + k] * x[k];
    x[i] /= L[i * (n + 1)];
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i] -= L[k * n + i] * x[k];
    x[i] /= L[i * (n + 1)];
  }
  return x;
}
