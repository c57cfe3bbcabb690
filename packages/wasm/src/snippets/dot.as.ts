/**
 * Products of the signed bytes of `a` and the bytes of `b`, which are 0 to 127, added up in pairs of neighbours: eight sums of
 * 16 bits. They must fit; then no engine rounds or saturates anything and all agree.
 */
@inline
export function dotPairs(a: v128, b: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i16x8.relaxed_dot_i8x16_i7x16_s(a, b);
  const even = i16x8.mul(i16x8.shr_s(i16x8.shl(a, 8), 8), v128.and(b, i16x8.splat(255)));
  return i16x8.add(even, i16x8.mul(i16x8.shr_s(a, 8), i16x8.shr_u(b, 8)));
}
