import fc from "fast-check";

/** How often a law is tried: few, as every backend tries it and a software GPU is slow. */
export const tries = { numRuns: 12 } as const;

/** The same where every size and every choice of inputs has pipelines of its own, which take a software GPU a second. */
export const triesOn = (backend: string) => (backend.startsWith("webgpu") ? ({ numRuns: 6 } as const) : tries);

/** Some of the indices below `count`, in any order, at least one. */
export function someOf(count: number): fc.Arbitrary<number[]> {
  return fc.shuffledSubarray(
    Array.from({ length: count }, (_, i) => i),
    { minLength: 1 },
  );
}

/** A place to cut a sequence in two, both ends included. */
export function cutOf(time: number): fc.Arbitrary<number> {
  return fc.integer({ min: 0, max: time });
}

export const seeds: fc.Arbitrary<number> = fc.integer({ min: 0, max: 2 ** 20 });
