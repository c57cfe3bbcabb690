import { discretizeDense } from "./discretize-dense.ts";
import { hippo } from "./hippo.ts";

export interface HippoMemoryOptions {
  /** Samples that a sliding window holds; for `"legt"` and `"fourier"`. */
  readonly window?: number;
}

/**
 * A signal on few coefficients, updated sample by sample. The signal begins at time 0, and its sample `k` stands for the time from
 * `k` to `k + 1`: its value is that of the middle.
 */
export interface HippoMemory {
  /** The next sample, or several. */
  push(samples: number | ArrayLike<number>): void;
  /** Samples pushed so far. */
  readonly length: number;
  /** Weights of the basis functions now, `n` numbers. */
  readonly coefficients: Float64Array;
  /** The remembered signal at these times; of those of sample `k` that is `k + 0.5`. */
  reconstruct(times: ArrayLike<number>): Float64Array;
}

/** A state, how a sample moves it on, and what its entries are the weights of. */
interface Projection {
  /** `x` after another sample, the one at time `from` to `from + 1`. */
  readonly step: (x: Float64Array, sample: number, from: number) => Float64Array;
  /** Values of the basis functions at a time, after `length` samples. */
  readonly basis: (time: number, length: number) => Float64Array;
}

/**
 * Online projection of a signal on `n` basis functions, and back (Gu et al. 2020, HiPPO: Recurrent Memory with Optimal Polynomial
 * Projections). At every moment the coefficients are those of the best approximation of the past in the least-squares sense:
 *
 * - `"legs"`: of all of it, by Legendre polynomials; `x'(t) = (A x(t) + B u(t)) / t`, which scales with the time that has passed
 *   and needs no window. Exact but for the discretisation. A sample costs `O(n)`.
 * - `"legt"`: of the last `window` samples, by Legendre polynomials. What leaves the window is known from the coefficients alone,
 *   so it is exact for polynomials of a degree below `n` and close for what they approximate well. `O(n²)`.
 * - `"fourier"`: the same by a constant and `n/2 - 1` harmonics of the window; exact for what repeats itself with it. `O(n²)`.
 *
 * Discretised by the bilinear rule, whose error falls with the square of the samples; for `"legs"` with `t` in the middle of the
 * step, which keeps means exact, and the first sample as a constant. All in 64 bits; `A` and `B` are those of `hippo`.
 *
 * ```ts
 * const memory = hippoMemory("legs", 32);
 * memory.push(signal);
 * const again = memory.reconstruct(signal.map((_, k) => k + 0.5));
 * ```
 *
 * @throws RangeError if the measure is unknown, `n` is no positive whole number, or it is odd for a Fourier basis; if a window is
 *   missing, too many, or not positive; of `reconstruct`, if a time is not remembered.
 */
export function hippoMemory(
  measure: "legs" | "legt" | "fourier",
  n: number,
  { window }: HippoMemoryOptions = {},
): HippoMemory {
  const action = "Cannot make a HiPPO memory";
  if (!["legs", "legt", "fourier"].includes(measure)) {
    throw new RangeError(`${action}: measure is "${measure}" but one of "legs", "legt", "fourier" was needed`);
  }
  if (measure === "legs" ? window !== undefined : !(window !== undefined && window > 0 && window < Infinity)) {
    const needed = measure === "legs" ? "none, as it remembers everything, was" : "a positive number was";
    throw new RangeError(`${action}: the window of "${measure}" is ${window} but ${needed} needed`);
  }
  const { step, basis } = window === undefined ? scaled(n) : sliding(measure as "legt" | "fourier", n, window);
  let x: Float64Array = new Float64Array(n);
  let length = 0;
  return {
    push(samples) {
      for (const sample of typeof samples === "number" ? [samples] : Array.from(samples)) x = step(x, sample, length++);
    },
    get length() {
      return length;
    },
    get coefficients() {
      return x.slice();
    },
    reconstruct(times) {
      const first = window === undefined ? 0 : length - window;
      return Float64Array.from(times, (time) => {
        if (!(time >= first && time <= length)) {
          throw new RangeError(`Cannot reconstruct a signal: time is ${time} but ${first} to ${length} is remembered`);
        }
        return basis(time, length).reduce((sum, value, i) => sum + value * x[i], 0);
      });
    },
  };
}

/**
 * `"legs"`. With `a = 1 / (2 k + 1)`, half the step over the time in its middle, `(I - a A) x[k+1] = (I + a A) x[k] + 2 a B u[k]`,
 * where `A` has `-(i + 1)` on its diagonal and `-r[i] r[j]` below, and `B` is `r`, `r[i] = sqrt(2 i + 1)`: substitution forwards
 * with running sums.
 */
function scaled(n: number): Projection {
  const { B: r } = hippo("legs", n);
  return {
    step: (x, sample, from) => {
      if (from === 0) return x.map((_, i) => (i === 0 ? sample : 0));
      const a = 1 / (2 * from + 1);
      const next = new Float64Array(n);
      let below = 0; // sum of r[j] (x[j] + next[j]) over j < i
      for (let i = 0; i < n; i++) {
        const right = (1 - a * (i + 1)) * x[i] + a * r[i] * (2 * sample - below);
        next[i] = right / (1 + a * (i + 1));
        below += r[i] * (x[i] + next[i]);
      }
      return next;
    },
    basis: (time, length) => legendre(n, length === 0 ? 0 : (2 * time) / length - 1),
  };
}

/** `"legt"` and `"fourier"`: the system does not change, nor does a step of it. The constants of `hippo` have a window of 2. */
function sliding(measure: "legt" | "fourier", n: number, window: number): Projection {
  const { A, B } = discretizeDense(hippo(measure, n), 2 / window, "bilinear");
  return {
    step: (x, sample) =>
      x.map((_, i) => {
        let sum = B[i] * sample;
        for (let j = 0; j < n; j++) sum += A[i * n + j] * x[j];
        return sum;
      }),
    basis: (time, length) => {
      const age = (length - time) / window;
      return measure === "legt" ? legendre(n, 1 - 2 * age) : harmonics(n, age);
    },
  };
}

/** `sqrt(2 i + 1) P_i(at)`: Legendre polynomials, orthonormal where -1 to 1 counts as 1. */
function legendre(n: number, at: number): Float64Array {
  const values = new Float64Array(n);
  let [before, now] = [0, 1];
  for (let i = 0; i < n; i++) {
    values[i] = Math.sqrt(2 * i + 1) * now;
    [before, now] = [now, ((2 * i + 1) * at * now - i * before) / (i + 1)];
  }
  return values;
}

/** 1, then cosines and sines in turn; the sine of frequency 0 is none. */
function harmonics(n: number, at: number): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => {
    if (i < 2) return 1 - i;
    const angle = 2 * Math.PI * Math.floor(i / 2) * at;
    return Math.SQRT2 * (i % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
  });
}
