/**
 * Steps of optimisers and averages, four elements at a time. A unit is an element; ranges begin at multiples of four.
 * A share that is kept is written `x - (1 - share) · x`: a share near 1 has lost digits as a float that its complement has.
 * They move 28 (`adamw`), 20 (`sgd`, `lion`) and 12 (`ema`) bytes an element.
 */
import { madd, nmadd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";

@inline
function splat(bits: i32): v128 {
  return f32x4.splat(reinterpret<f32>(bits));
}

/** `stepSize` is `lr / (1 - beta1ᵗ)`, `scaleV` is `1 / √(1 - beta2ᵗ)`; `rest1` and `rest2` are 1 less the betas. */
export function adamw(
  begin: i32, end: i32, scratch: usize,
  gradientScale: i32, rest1: i32, rest2: i32, decay: i32, stepSize: i32, scaleV: i32, eps: i32,
  parameter: usize, gradient: usize, m: usize, v: usize, newParameter: usize, newM: usize, newV: usize,
): void {
  for (let i = begin; i < end; i += 4) {
    const count = end - i;
    const g = f32x4.mul(splat(gradientScale), load4(at(gradient, i), count));
    const oldM = load4(at(m, i), count);
    const oldV = load4(at(v, i), count);
    const nextM = madd(splat(rest1), g, nmadd(splat(rest1), oldM, oldM));
    const nextV = madd(f32x4.mul(splat(rest2), g), g, nmadd(splat(rest2), oldV, oldV));
    const below = madd(f32x4.sqrt(nextV), splat(scaleV), splat(eps));
    const direction = f32x4.div(f32x4.mul(splat(stepSize), nextM), below);
    const old = load4(at(parameter, i), count);
    store4(at(newParameter, i), f32x4.sub(nmadd(splat(decay), old, old), direction), count);
    store4(at(newM, i), nextM, count);
    store4(at(newV, i), nextV, count);
  }
}

export function sgd(
  begin: i32, end: i32, scratch: usize,
  gradientScale: i32, decay: i32, momentum: i32, lr: i32, nesterov: i32,
  parameter: usize, gradient: usize, velocity: usize, newParameter: usize, newVelocity: usize,
): void {
  for (let i = begin; i < end; i += 4) {
    const count = end - i;
    const old = load4(at(parameter, i), count);
    const g = madd(splat(decay), old, f32x4.mul(splat(gradientScale), load4(at(gradient, i), count)));
    const next = madd(splat(momentum), load4(at(velocity, i), count), g);
    const direction = nesterov ? madd(splat(momentum), next, g) : next;
    store4(at(newParameter, i), nmadd(splat(lr), direction, old), count);
    store4(at(newVelocity, i), next, count);
  }
}

/** 1 or -1; what is neither above nor below 0 stays, NaN too. */
@inline
function sign(x: v128): v128 {
  const zero = f32x4.splat(0);
  const up = v128.bitselect(f32x4.splat(1), x, f32x4.gt(x, zero));
  return v128.bitselect(f32x4.splat(-1), up, f32x4.lt(x, zero));
}

/** `rest1` and `rest2` are 1 less the betas. */
export function lion(
  begin: i32, end: i32, scratch: usize,
  gradientScale: i32, rest1: i32, rest2: i32, decay: i32, lr: i32,
  parameter: usize, gradient: usize, m: usize, newParameter: usize, newM: usize,
): void {
  for (let i = begin; i < end; i += 4) {
    const count = end - i;
    const oldM = load4(at(m, i), count);
    const way = f32x4.sub(f32x4.mul(splat(gradientScale), load4(at(gradient, i), count)), oldM);
    const old = load4(at(parameter, i), count);
    const direction = madd(splat(decay), old, sign(madd(splat(rest1), way, oldM)));
    store4(at(newParameter, i), nmadd(splat(lr), direction, old), count);
    store4(at(newM, i), madd(splat(rest2), way, oldM), count);
  }
}

export function ema(
  begin: i32, end: i32, scratch: usize,
  rest: i32,
  average: usize, parameter: usize, newAverage: usize,
): void {
  for (let i = begin; i < end; i += 4) {
    const count = end - i;
    const old = load4(at(average, i), count);
    const way = f32x4.sub(load4(at(parameter, i), count), old);
    store4(at(newAverage, i), madd(splat(rest), way, old), count);
  }
}
