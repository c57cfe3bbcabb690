import { highHalf, joined, lowHalf } from "./double.as.ts";
import { madd } from "./madd.as.ts";

const QUARTER: f64 = 1.5707963267948966;

/**
 * `size · (cos + i sin)(a · b)` in four lanes: real parts at `to`, imaginary ones behind them. The angle is multiplied out
 * and brought to the nearest quarter turn in 64 bits, so it may be large; below 2^24 of them each part is within 2 ulp of `size`.
 */
@inline
export function polarTo(to: usize, size: v128, a: v128, b: v128): void {
  const low = f64x2.mul(lowHalf(a), lowHalf(b));
  const high = f64x2.mul(highHalf(a), highHalf(b));
  const lowQuarters = f64x2.nearest(f64x2.mul(low, f64x2.splat(1 / QUARTER)));
  const highQuarters = f64x2.nearest(f64x2.mul(high, f64x2.splat(1 / QUARTER)));
  const rest = joined(
    f64x2.sub(low, f64x2.mul(lowQuarters, f64x2.splat(QUARTER))),
    f64x2.sub(high, f64x2.mul(highQuarters, f64x2.splat(QUARTER))),
  );
  const quarters = i32x4.trunc_sat_f32x4_s(joined(lowQuarters, highQuarters));
  const s = sinOfRest(rest);
  const c = cosOfRest(rest);
  const one = i32x4.splat(1);
  const two = i32x4.splat(2);
  const odd = i32x4.eq(v128.and(quarters, one), one);
  // the sign bit is set in the second half of a turn, and of a turn that began a quarter earlier
  const sin = v128.xor(v128.bitselect(c, s, odd), i32x4.shl(v128.and(quarters, two), 30));
  const cos = v128.xor(v128.bitselect(s, c, odd), i32x4.shl(v128.and(i32x4.add(quarters, one), two), 30));
  v128.store(to, f32x4.mul(size, cos));
  v128.store(to, f32x4.mul(size, sin), 16);
}

/** Sine up to an eighth of a turn either way, within 1 ulp; polynomial of Cephes. */
@inline
export function sinOfRest(x: v128): v128 {
  const square = f32x4.mul(x, x);
  let p = madd(f32x4.splat(-1.9515295891e-4), square, f32x4.splat(8.3321608736e-3));
  p = madd(p, square, f32x4.splat(-1.6666654611e-1));
  return madd(f32x4.mul(p, square), x, x);
}

/** Cosine up to an eighth of a turn either way, within 1.5 ulp; polynomial of Cephes. */
@inline
export function cosOfRest(x: v128): v128 {
  const square = f32x4.mul(x, x);
  let p = madd(f32x4.splat(2.443315711809948e-5), square, f32x4.splat(-1.388731625493765e-3));
  p = madd(p, square, f32x4.splat(4.166664568298827e-2));
  return madd(f32x4.mul(p, square), square, madd(f32x4.splat(-0.5), square, f32x4.splat(1)));
}
