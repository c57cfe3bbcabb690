/** Points of the circle on which the generating function of a kernel of `time` steps is taken: a power of two, twice as many. */
export function pointsOf(time: number): number {
  let points = 4;
  while (points < 2 * time) points *= 2;
  return points;
}

/**
 * Radius of the circle. What comes after all points of it is folded onto the kernel times `radius^points`, 1e-10; and a rounding
 * error grows by `radius^-time`, at most 1e5 times, in 64 bits.
 */
export function radiusOf(points: number): number {
  return 10 ** (-10 / points);
}
