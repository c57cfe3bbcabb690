import { constant } from "./constant.as.ts";
import { madd, nmadd } from "./madd.as.ts";
import { load4, store4 } from "./memory.as.ts";

const ONE = memory.data<f32>([1]);
const LOG2_E = memory.data<f32>([1.4426950408889634]);
// ln 2 in two parts: the first has few enough bits for its product with an exponent to be exact
const LN2_HIGH = memory.data<f32>([0.693359375]);
const LN2_LOW = memory.data<f32>([-2.12194440e-4]);
// added to a number below 2^22 in size, 1.5 · 2^23 rounds it to a whole one and leaves that in the lowest bits
const ROUNDER = memory.data<f32>([12582912]);

/**
 * `exp(x)` in four lanes, within 1.2 ulp of the exact value.
 *
 *     x = n · ln 2 + r      n whole, |r| <= ln 2 / 2      exp(x) = 2^n · exp(r)
 *
 * Above 88.72 the result is Infinity, from -87.33 down a subnormal, below -103.97 it is 0; NaN stays NaN.
 */
@inline
export function exp(x: v128): v128 {
  const bounded = clamp(x, EXP_LOWEST, EXP_HIGHEST);
  const n = madd(bounded, constant(LOG2_E), constant(ROUNDER));
  const whole = f32x4.sub(n, constant(ROUNDER));
  const r = nmadd(whole, constant(LN2_LOW), nmadd(whole, constant(LN2_HIGH), bounded));
  // 2^n in two factors, for it may be no normal number itself
  const exponent = i32x4.shl(n, 23);
  const half = i32x4.shl(i32x4.shr_s(exponent, 24), 23);
  const rest = i32x4.sub(exponent, half);
  return f32x4.mul(f32x4.mul(expOfRest(r), powerOfTwo(rest)), powerOfTwo(half));
}

/**
 * As `exp`, in three quarters of its work, for a term of a sum or a denominator: 0 below -87.68, where `exp` is subnormal, and
 * Infinity from 88.38 up.
 */
@inline
export function expNormal(x: v128): v128 {
  const bounded = clamp(x, NORMAL_LOWEST, NORMAL_HIGHEST);
  const n = madd(bounded, constant(LOG2_E), constant(ROUNDER));
  const whole = f32x4.sub(n, constant(ROUNDER));
  const r = nmadd(whole, constant(LN2_LOW), nmadd(whole, constant(LN2_HIGH), bounded));
  return f32x4.mul(expOfRest(r), powerOfTwo(i32x4.shl(n, 23)));
}

/**
 * `expNormal(x - peak)` of so many elements, none of which is above `peak`. In a loop of its own the constants stay in
 * registers.
 */
export function expsBelow(x: usize, count: i32, peak: v128, to: usize): void {
  const lowest = constant(NORMAL_LOWEST), log2e = constant(LOG2_E), rounder = constant(ROUNDER), one = constant(ONE);
  const high = constant(LN2_HIGH), low = constant(LN2_LOW);
  const e2 = constant(E2), e3 = constant(E3), e4 = constant(E4), e5 = constant(E5), e6 = constant(E6);
  const end = x + ((<usize>(count & ~3)) << 2);
  for (; x < end; x += 16, to += 16) {
    const bounded = f32x4.pmax(f32x4.sub(v128.load(x), peak), lowest);
    const n = madd(bounded, log2e, rounder);
    const whole = f32x4.sub(n, rounder);
    const r = nmadd(whole, low, nmadd(whole, high, bounded));
    let p = madd(e6, r, e5);
    p = madd(p, r, e4);
    p = madd(p, r, e3);
    p = madd(p, r, e2);
    p = madd(p, r, one);
    p = madd(p, r, one);
    v128.store(to, f32x4.mul(p, i32x4.add(i32x4.shl(n, 23), one)));
  }
  count &= 3;
  if (count > 0) store4(to, expNormal(f32x4.sub(load4(x, count, -Infinity), peak)), count);
}

// 2^-127 and 2^128 have the bits of 0 and Infinity
const NORMAL_LOWEST = memory.data<f32>([-88]);
const NORMAL_HIGHEST = memory.data<f32>([88.7]);

const EXP_LOWEST = memory.data<f32>([-105]);
const EXP_HIGHEST = memory.data<f32>([89]);

/**
 * `2^x` for the decay of a state: in four lanes, within 1.2 ulp, but never below `2^-126` nor above `2^127`. It makes
 * no subnormal, on which processors are slow, and takes two thirds of the work of `exp`. NaN stays NaN.
 */
@inline
export function exp2Decay(x: v128): v128 {
  const bounded = clamp(x, EXP2_LOWEST, EXP2_HIGHEST);
  const n = f32x4.add(bounded, constant(ROUNDER));
  const r = f32x4.sub(bounded, f32x4.sub(n, constant(ROUNDER)));
  return f32x4.mul(exp2OfRest(r), powerOfTwo(i32x4.shl(n, 23)));
}

const EXP2_LOWEST = memory.data<f32>([-126]);
const EXP2_HIGHEST = memory.data<f32>([127]);

/** `x` within bounds; NaN passes, as both comparisons are false. */
@inline
function clamp(x: v128, lowest: usize, highest: usize): v128 {
  return f32x4.pmin(f32x4.pmax(x, constant(lowest)), constant(highest));
}

/** `2^n` of exponents that stand where a float has its own, in bits 23 and up. */
@inline
function powerOfTwo(exponent: v128): v128 {
  return i32x4.add(exponent, constant(ONE));
}

// The polynomials of degree 6 with the least relative error, 3e-9 and 2e-9, in the range of r.
const E2 = memory.data<f32>([0.4999999403953552]);
const E3 = memory.data<f32>([0.1666651964187622]);
const E4 = memory.data<f32>([0.041668396443128586]);
const E5 = memory.data<f32>([0.008368796668946743]);
const E6 = memory.data<f32>([0.0013814433477818966]);

/** `exp(r)` for |r| <= ln 2 / 2. */
@inline
function expOfRest(r: v128): v128 {
  let p = madd(constant(E6), r, constant(E5));
  p = madd(p, r, constant(E4));
  p = madd(p, r, constant(E3));
  p = madd(p, r, constant(E2));
  p = madd(p, r, constant(ONE));
  return madd(p, r, constant(ONE));
}

const T1 = memory.data<f32>([0.6931471824645996]);
const T2 = memory.data<f32>([0.24022647738456726]);
const T3 = memory.data<f32>([0.05550331994891167]);
const T4 = memory.data<f32>([0.009618439711630344]);
const T5 = memory.data<f32>([0.001339913229458034]);
const T6 = memory.data<f32>([0.00015353152411989868]);

/** `2^r` for |r| <= 1 / 2. */
@inline
function exp2OfRest(r: v128): v128 {
  let p = madd(constant(T6), r, constant(T5));
  p = madd(p, r, constant(T4));
  p = madd(p, r, constant(T3));
  p = madd(p, r, constant(T2));
  p = madd(p, r, constant(T1));
  return madd(p, r, constant(ONE));
}

/** Up to here products have a decay that is a normal number, with room for rounding. */
const NEAR = memory.data<f32>([125]);

/**
 * `exp2Decay(x · factors)` of so many vectors of factors, none of which is larger than `peak` in size, see `peakOf`; results
 * lie `apart` bytes apart. A loop that does nothing else keeps the constants in registers and as many exponentials under way as
 * the processor can. The bounds of `exp2Decay` are looked at only where a product may be beyond them, and what is within has
 * the same bits either way.
 */
export function exp2Decays(x: v128, factors: usize, count: i32, peak: v128, to: usize, apart: usize = 16): void {
  const rounder = constant(ROUNDER), one = constant(ONE);
  const t1 = constant(T1), t2 = constant(T2), t3 = constant(T3), t4 = constant(T4), t5 = constant(T5), t6 = constant(T6);
  const first = factors;
  const end = factors + ((<usize>count) << 4);
  for (let place = to; factors < end; factors += 16, place += apart) {
    const factor = v128.load(factors);
    const n = madd(x, factor, rounder);
    const r = madd(x, factor, f32x4.sub(rounder, n));
    let p = madd(t6, r, t5);
    p = madd(p, r, t4);
    p = madd(p, r, t3);
    p = madd(p, r, t2);
    p = madd(p, r, t1);
    p = madd(p, r, one);
    v128.store(place, f32x4.mul(p, i32x4.add(i32x4.shl(n, 23), one)));
  }
  if (!i32x4.all_true(f32x4.le(f32x4.mul(f32x4.abs(x), peak), constant(NEAR)))) boundDecays(x, first, end, to, apart);
}

/** Gives the decays of products beyond the bounds the value that they have there. */
function boundDecays(x: v128, factors: usize, end: usize, decays: usize, apart: usize): void {
  const lowest = constant(EXP2_LOWEST), highest = constant(EXP2_HIGHEST);
  const least = powerOfTwo(i32x4.shl(f32x4.add(lowest, constant(ROUNDER)), 23));
  const most = powerOfTwo(i32x4.shl(f32x4.add(highest, constant(ROUNDER)), 23));
  for (; factors < end; factors += 16, decays += apart) {
    const product = f32x4.mul(x, v128.load(factors));
    const decay = v128.bitselect(least, v128.load(decays), f32x4.lt(product, lowest));
    v128.store(decays, v128.bitselect(most, decay, f32x4.gt(product, highest)));
  }
}

/** The largest size among so many vectors, lane by lane; NaN where there is one. */
export function peakOf(vectors: usize, count: i32): v128 {
  let peak = f32x4.splat(0);
  for (let i = 0; i < count; i++) peak = f32x4.max(peak, f32x4.abs(v128.load(vectors + ((<usize>i) << 4))));
  return peak;
}
