/** A stream of numbers in [0, 1), the same on every device and engine for the same seed. */
export interface RandomSource {
  next(): number;
}

/**
 * xoshiro128** (Blackman & Vigna 2018), seeded through splitmix32. Not for secrets.
 *
 * ```ts
 * const random = randomSource(7);
 * random.next(); // in [0, 1)
 * ```
 */
export function randomSource(seed: number): RandomSource {
  let word = Math.trunc(seed) >>> 0;
  // the upper half of a large seed counts too
  word = (word ^ Math.imul(Math.floor(Math.abs(seed) / 2 ** 32) >>> 0, 0x9e3779b9)) >>> 0;
  const splitmix = () => {
    word = (word + 0x9e3779b9) >>> 0;
    let z = word;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  let [a, b, c, d] = [splitmix(), splitmix(), splitmix(), splitmix()];
  const rotate = (x: number, k: number) => (x << k) | (x >>> (32 - k));
  const word32 = () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotate(d, 11);
    return result;
  };
  return {
    // 53 bits, so that even rare tokens keep their chance
    next: () => ((word32() >>> 5) * 2 ** 26 + (word32() >>> 6)) / 2 ** 53,
  };
}
