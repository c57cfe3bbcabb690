import { constant } from "./constant.as.ts";
import { expNormal } from "./exp.as.ts";

const ONE = memory.data<f32>([1]);

/** `1 / (1 + exp(-x))` in four lanes, within 2.5 ulp; below -88.38 it is 0. */
@inline
export function sigmoid(x: v128): v128 {
  return f32x4.div(constant(ONE), onePlusExpMinus(x));
}

/** `x · sigmoid(x)` in four lanes, within 2.5 ulp; below -88.38 it is 0. */
@inline
export function silu(x: v128): v128 {
  return f32x4.div(x, onePlusExpMinus(x));
}

@inline
function onePlusExpMinus(x: v128): v128 {
  return f32x4.add(constant(ONE), expNormal(f32x4.neg(x)));
}
