/** How far `actual` may be from `expected`: `absolute + relative · max|expected|`, the same for every element. */
export interface Tolerance {
  readonly relative: number;
  /** Default 1e-6. */
  readonly absolute?: number;
}

/** The largest difference between two lists of numbers, and what was allowed. */
export interface Difference {
  readonly error: number;
  readonly tolerance: number;
  /** Where the largest difference is. */
  readonly at: number;
}

type Numbers = ArrayLike<number>;

/** Compares against the peak of `expected`. A NaN on either side, and another length, is an infinite error. */
export function difference(actual: Numbers, expected: Numbers, { relative, absolute = 1e-6 }: Tolerance): Difference {
  let peak = 0;
  let error = 0;
  let at = 0;
  for (let i = 0; i < expected.length; i++) {
    // an infinity must be met exactly, and says nothing of how far the others may be off
    if (Number.isFinite(expected[i])) peak = Math.max(peak, Math.abs(expected[i]));
    const off = actual[i] === expected[i] ? 0 : Math.abs(actual[i] - expected[i]);
    // written so that a NaN counts
    if (!(off <= error)) {
      error = Number.isNaN(off) ? Infinity : off;
      at = i;
      if (error === Infinity) break;
    }
  }
  if (actual.length !== expected.length) error = Infinity;
  return { error, tolerance: absolute + relative * peak, at };
}

/**
 * Asserts that two lists of numbers agree to a tolerance relative to the peak of `expected`.
 *
 * @throws Error that says what differs, where and by how much.
 */
export function expectClose(
  actual: Numbers,
  expected: Numbers,
  { label, ...tolerance }: Tolerance & { readonly label: string },
): void {
  if (actual.length !== expected.length) {
    throw new Error(`${label}: ${actual.length} values but ${expected.length} were expected`);
  }
  const { error, tolerance: allowed, at } = difference(actual, expected, tolerance);
  if (error <= allowed) return;
  throw new Error(
    `${label}: [${at}] is ${actual[at]} but ${expected[at]} was expected; off by ${error}, allowed is ${allowed}`,
  );
}
