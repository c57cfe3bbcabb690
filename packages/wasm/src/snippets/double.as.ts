/** Sums in 64 bits of elements in 32: they are exact enough for any length of row, and no square overflows. */

/** Lanes 0 and 1 as doubles. */
@inline
export function lowHalf(x: v128): v128 {
  return f64x2.promote_low_f32x4(x);
}

/** Lanes 2 and 3 as doubles. */
@inline
export function highHalf(x: v128): v128 {
  return f64x2.promote_low_f32x4(i64x2.shuffle(x, x, 1, 1));
}

/** The sum of both lanes. */
@inline
export function sumLanes(x: v128): f64 {
  return f64x2.extract_lane(x, 0) + f64x2.extract_lane(x, 1);
}

/** Four numbers of two vectors of 64-bit numbers, in 32 bits. */
@inline
export function joined(low: v128, high: v128): v128 {
  return i64x2.shuffle(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2);
}
