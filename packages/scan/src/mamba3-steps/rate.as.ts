/** How fast a head of Mamba-3 forgets, in four lanes: `1 + x`, and `1 / (1 - x)` below 0. NaN passes. */
@inline
export function rate(x: v128): v128 {
  const one = f32x4.splat(1);
  const below = f32x4.div(one, f32x4.sub(one, x));
  return v128.bitselect(below, f32x4.add(one, x), f32x4.lt(x, f32x4.splat(0)));
}
