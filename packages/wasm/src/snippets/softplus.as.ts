import { constant } from "./constant.as.ts";
import { exp, expsOfMinusAbs } from "./exp.as.ts";
import { madd } from "./madd.as.ts";

/**
 * `log(1 + exp(x))` in four lanes, within 3 ulp: small results are as exact as large ones, since step sizes are small.
 *
 *     softplus(x) = max(x, 0) + log1p(exp(-|x|))
 *
 * Above 17 the second term is lost in rounding and the result is `x`.
 */
@inline
export function softplus(x: v128): v128 {
  return softplusOf(x, exp(f32x4.neg(f32x4.abs(x))));
}

/** Stores `softplus(x)` and, elsewhere, its slope `sigmoid(x)`, within 2.5 ulp: both come of one exponential. */
@inline
export function storeSoftplus(x: v128, value: usize, slope: usize): void {
  const e = exp(f32x4.neg(f32x4.abs(x)));
  v128.store(value, softplusOf(x, e));
  v128.store(slope, slopeOf(x, e));
}

/** `softplus(x)` with `exp(-|x|)`. */
@inline
export function softplusOf(x: v128, e: v128): v128 {
  return f32x4.add(f32x4.pmax(x, f32x4.splat(0)), log1p(e)); // NaN passes
}

/** `sigmoid(x)` with `exp(-|x|)`. */
@inline
export function slopeOf(x: v128, e: v128): v128 {
  return f32x4.div(v128.bitselect(constant(ONE), e, f32x4.ge(x, f32x4.splat(0))), f32x4.add(constant(ONE), e));
}

/** `softplus(x)` of so many vectors, in their place. There is room for as many at `spare`. */
export function softpluses(x: usize, vectors: i32, spare: usize): void {
  expsOfMinusAbs(x, vectors, spare);
  const end = x + ((<usize>vectors) << 4);
  for (; x < end; x += 16, spare += 16) v128.store(x, softplusOf(v128.load(x), v128.load(spare)));
}

const ONE = memory.data<f32>([1]);
const TWO = memory.data<f32>([2]);
const P0 = memory.data<f32>([0.3333320915699005]);
const P1 = memory.data<f32>([0.2001076340675354]);
const P2 = memory.data<f32>([0.14000903069972992]);
const P3 = memory.data<f32>([0.1400599330663681]);

/**
 * `log(1 + e)` of e in [0, 1].
 *
 *     log(1 + e) = 2 · atanh(s)      s = e / (2 + e) <= 1 / 3      atanh(s) = s + s³ · p(s²)
 *
 * `p` has degree 3 and a relative error of 5e-9.
 */
@inline
function log1p(e: v128): v128 {
  const s = f32x4.div(e, f32x4.add(e, constant(TWO)));
  const square = f32x4.mul(s, s);
  let p = madd(constant(P3), square, constant(P2));
  p = madd(p, square, constant(P1));
  p = madd(p, square, constant(P0));
  const half = madd(f32x4.mul(p, square), s, s);
  return f32x4.add(half, half);
}
