/** The normal distribution in four lanes. */
import { constant } from "../../../wasm/src/snippets/constant.as.ts";
import { exp } from "../../../wasm/src/snippets/exp.as.ts";
import { madd } from "../../../wasm/src/snippets/madd.as.ts";

const ONE = memory.data<f32>([1]);
const MINUS_HALF = memory.data<f32>([-0.5]);
const DENSITY = memory.data<f32>([0.3989422804014327]); // 1 / √(2π)

/** `exp(-x² / 2)`. */
@inline
export function bell(x: v128): v128 {
  return exp(f32x4.mul(f32x4.mul(x, x), constant(MINUS_HALF)));
}

/** Density, given `bell(x)`. */
@inline
export function density(bell: v128): v128 {
  return f32x4.mul(bell, constant(DENSITY));
}

// The tail is exp(-x²/2) · t · P(t) with t = 1 / (1 + 0.32 x); P of degree 9 is off by at most 4.2e-8 of each value.
const SCALE = memory.data<f32>([0.32]);
const P0 = memory.data<f32>([0.12766153768853983]);
const P1 = memory.data<f32>([0.12765991008964606]);
const P2 = memory.data<f32>([0.11464702820379248]);
const P3 = memory.data<f32>([0.08759353036523412]);
const P4 = memory.data<f32>([0.05979932624138855]);
const P5 = memory.data<f32>([-0.012533999318332467]);
const P6 = memory.data<f32>([0.07046826142415213]);
const P7 = memory.data<f32>([-0.15160769528485657]);
const P8 = memory.data<f32>([0.09793521537672188]);
const P9 = memory.data<f32>([-0.021623132378523507]);

/** Probability of a normal number below `x`, given `bell(x)`. */
@inline
export function cdf(x: v128, bell: v128): v128 {
  const t = f32x4.div(constant(ONE), madd(f32x4.abs(x), constant(SCALE), constant(ONE)));
  let p = madd(constant(P9), t, constant(P8));
  p = madd(p, t, constant(P7));
  p = madd(p, t, constant(P6));
  p = madd(p, t, constant(P5));
  p = madd(p, t, constant(P4));
  p = madd(p, t, constant(P3));
  p = madd(p, t, constant(P2));
  p = madd(p, t, constant(P1));
  p = madd(p, t, constant(P0));
  const tail = f32x4.mul(f32x4.mul(p, t), bell);
  return v128.bitselect(tail, f32x4.sub(constant(ONE), tail), f32x4.lt(x, f32x4.splat(0)));
}
