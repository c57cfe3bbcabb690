import { hippoNplr } from "./nplr.ts";

/** How the eigenvalues of an S4D layer are spread at the start. */
export type S4dInit = "legs" | "lin" | "inv" | "inv2" | "quad" | "real";

/** A diagonal system, one mode of each conjugate pair; complex numbers lie along a last axis of 2. */
export interface DiagonalSystem {
  /** `n/2` complex numbers with non-positive imaginary parts. */
  readonly A: Float64Array;
  /** `n/2` complex numbers. */
  readonly B: Float64Array;
  readonly n: number;
}

/** Real part and size of the (negative) imaginary part of mode `k` of a system of `n` states. */
const modes: Readonly<Record<Exclude<S4dInit, "legs">, (k: number, n: number) => readonly [number, number]>> = {
  lin: (k) => [-0.5, Math.PI * k],
  inv: (k, n) => [-0.5, (n / Math.PI) * (n / (1 + 2 * k) - 1)],
  inv2: (k, n) => [-0.5, (n / Math.PI) * (n / (1 + k) - 1)],
  quad: (k) => [-0.5, (1 + 2 * k) ** 2 / Math.PI],
  real: (k) => [-(k + 1), 0],
};

/** The largest imaginary part that the official code leaves in `B` of HiPPO-LegS. */
const CLIP = 2;

/**
 * The start of a diagonal state-space layer with `n` states in `n/2` conjugate pairs (Gu et al. 2022, S4D, section 4),
 * as `dplr` in state-spaces/s4. `"legs"` has the eigenvalues of HiPPO-LegS and its `B`, not halved but with imaginary
 * parts clipped to ±2; the others have `B = 1`.
 *
 * ```ts
 * const { A } = s4dInit("lin", 64);
 * const tensor = device.tensor(Float32Array.from(A), [32, 2]);
 * ```
 *
 * @throws RangeError if the init is unknown or `n` is not a positive even number.
 */
export function s4dInit(init: S4dInit, n: number): DiagonalSystem {
  const action = "Cannot initialise S4D";
  if (!(Number.isInteger(n) && n > 0 && n % 2 === 0)) {
    throw new RangeError(`${action}: n is ${n} but a positive even number was needed`);
  }
  if (init === "legs") {
    const { w, B } = hippoNplr("legs", n);
    return { A: w, B: B.map((value, at) => (at % 2 === 0 ? value : Math.min(Math.max(value, -CLIP), CLIP))), n };
  }
  if (!Object.hasOwn(modes, init)) {
    const known = ["legs", ...Object.keys(modes)].map((name) => `"${name}"`).join(", ");
    throw new RangeError(`${action}: init is "${init}" but one of ${known} was needed`);
  }
  const A = new Float64Array(n);
  for (let k = 0; k < n / 2; k++) {
    const [re, size] = modes[init](k, n);
    A[2 * k] = re;
    A[2 * k + 1] = -size;
  }
  return { A, B: A.map((_, at) => (at % 2 === 0 ? 1 : 0)), n };
}
