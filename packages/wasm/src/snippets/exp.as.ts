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
    const p = polynomial(r, e6, e5, e4, e3, e2, one, one);
    v128.store(to, f32x4.mul(p, i32x4.add(i32x4.shl(n, 23), one)));
  }
  count &= 3;
  if (count > 0) store4(to, expNormal(f32x4.sub(load4(x, count, -Infinity), peak)), count);
}

/** `expNormal(-x)` of so many vectors, for `sigmoid` and `silu`, as `expsBelow`. */
export function expsOfMinus(x: usize, vectors: i32, to: usize): void {
  const lowest = constant(NORMAL_LOWEST), highest = constant(NORMAL_HIGHEST), log2e = constant(LOG2_E), rounder = constant(ROUNDER);
  const high = constant(LN2_HIGH), low = constant(LN2_LOW), one = constant(ONE);
  const e2 = constant(E2), e3 = constant(E3), e4 = constant(E4), e5 = constant(E5), e6 = constant(E6);
  const end = x + ((<usize>vectors) << 4);
  for (; x < end; x += 16, to += 16) {
    const bounded = f32x4.pmin(f32x4.pmax(f32x4.neg(v128.load(x)), lowest), highest);
    const n = madd(bounded, log2e, rounder);
    const whole = f32x4.sub(n, rounder);
    const r = nmadd(whole, low, nmadd(whole, high, bounded));
    const p = polynomial(r, e6, e5, e4, e3, e2, one, one);
    v128.store(to, f32x4.mul(p, i32x4.add(i32x4.shl(n, 23), one)));
  }
}

/** `exp(-|x|)` of so many vectors, for `softplus`, as `expsBelow`. */
export function expsOfMinusAbs(x: usize, vectors: i32, to: usize): void {
  const lowest = constant(EXP_LOWEST), log2e = constant(LOG2_E), rounder = constant(ROUNDER), one = constant(ONE);
  const high = constant(LN2_HIGH), low = constant(LN2_LOW);
  const e2 = constant(E2), e3 = constant(E3), e4 = constant(E4), e5 = constant(E5), e6 = constant(E6);
  const end = x + ((<usize>vectors) << 4);
  for (; x < end; x += 16, to += 16) {
    const bounded = f32x4.pmax(f32x4.neg(f32x4.abs(v128.load(x))), lowest);
    const n = madd(bounded, log2e, rounder);
    const whole = f32x4.sub(n, rounder);
    const r = nmadd(whole, low, nmadd(whole, high, bounded));
    const p = polynomial(r, e6, e5, e4, e3, e2, one, one);
    const exponent = i32x4.shl(n, 23);
    const half = i32x4.shl(i32x4.shr_s(exponent, 24), 23);
    v128.store(to, f32x4.mul(f32x4.mul(p, i32x4.add(i32x4.sub(exponent, half), one)), i32x4.add(half, one)));
  }
}

/** By Horner's rule. */
@inline
function polynomial(x: v128, c6: v128, c5: v128, c4: v128, c3: v128, c2: v128, c1: v128, c0: v128): v128 {
  let p = madd(c6, x, c5);
  p = madd(p, x, c4);
  p = madd(p, x, c3);
  p = madd(p, x, c2);
  p = madd(p, x, c1);
  return madd(p, x, c0);
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
  return polynomial(r, constant(E6), constant(E5), constant(E4), constant(E3), constant(E2), constant(ONE), constant(ONE));
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
  return polynomial(r, constant(T6), constant(T5), constant(T4), constant(T3), constant(T2), constant(T1), constant(ONE));
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
    v128.store(place, i32x4.add(polynomial(r, t6, t5, t4, t3, t2, t1, one), i32x4.shl(n, 23)));
  }
  if (!areNear(x, peak)) boundDecays(x, first, end, to, apart);
}

/**
 * As `exp2Decays` of two, whose factors lie one behind the other and whose results side by side: constants are read once for
 * both, and more exponentials are under way.
 */
export function exp2DecaysOfTwo(
  x: v128, x1: v128, factors: usize, count: i32, peak: v128, peak1: v128, to: usize, apart: usize,
): void {
  const rounder = constant(ROUNDER), one = constant(ONE);
  const t1 = constant(T1), t2 = constant(T2), t3 = constant(T3), t4 = constant(T4), t5 = constant(T5), t6 = constant(T6);
  const end = factors + ((<usize>count) << 4);
  let place = to;
  for (let first = factors, second = end; first < end; first += 16, second += 16, place += apart) {
    let r = v128.load(first), r1 = v128.load(second);
    const n = madd(x, r, rounder), n1 = madd(x1, r1, rounder);
    r = madd(x, r, f32x4.sub(rounder, n));
    r1 = madd(x1, r1, f32x4.sub(rounder, n1));
    v128.store(place, i32x4.add(polynomial(r, t6, t5, t4, t3, t2, t1, one), i32x4.shl(n, 23)));
    v128.store(place, i32x4.add(polynomial(r1, t6, t5, t4, t3, t2, t1, one), i32x4.shl(n1, 23)), 16);
  }
  if (!areNear(x, peak) || !areNear(x1, peak1)) {
    boundDecays(x, factors, end, to, apart);
    boundDecays(x1, end, end + end - factors, to + 16, apart);
  }
}

/** Whether no product with factors up to `peak` is beyond the bounds of `exp2Decay`; NaN is not near. */
@inline
function areNear(x: v128, peak: v128): bool {
  return i32x4.all_true(f32x4.le(f32x4.mul(f32x4.abs(x), peak), constant(NEAR)));
}

/** Gives the decays of products beyond the bounds the value that they have there, and of NaN NaN, whose bits the sum changed. */
function boundDecays(x: v128, factors: usize, end: usize, decays: usize, apart: usize): void {
  const lowest = constant(EXP2_LOWEST), highest = constant(EXP2_HIGHEST);
  const least = powerOfTwo(i32x4.shl(f32x4.add(lowest, constant(ROUNDER)), 23));
  const most = powerOfTwo(i32x4.shl(f32x4.add(highest, constant(ROUNDER)), 23));
  for (; factors < end; factors += 16, decays += apart) {
    const product = f32x4.mul(x, v128.load(factors));
    const decay = v128.bitselect(least, v128.load(decays), f32x4.lt(product, lowest));
    const bounded = v128.bitselect(most, decay, f32x4.gt(product, highest));
    v128.store(decays, v128.bitselect(bounded, product, f32x4.eq(product, product)));
  }
}

/** The largest size among so many vectors, lane by lane; NaN where there is one. */
export function peakOf(vectors: usize, count: i32): v128 {
  let peak = f32x4.splat(0);
  for (let i = 0; i < count; i++) peak = f32x4.max(peak, f32x4.abs(v128.load(vectors + ((<usize>i) << 4))));
  return peak;
}
