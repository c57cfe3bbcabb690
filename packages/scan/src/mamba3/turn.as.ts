/**
 * Theta of a step, and the pairs of vectors turned by it and back, four pairs at a time. Theta is added up in 64 bits and brought to
 * the nearest quarter turn in them; only the rest, at most an eighth of a turn, is rounded to 32.
 */
import { cosOfRest, sinOfRest } from "../../../wasm/src/snippets/angle.as.ts";
import { highHalf, joined, lowHalf } from "../../../wasm/src/snippets/double.as.ts";
import { at, gather4, load4, scatter4 } from "../../../wasm/src/snippets/memory.as.ts";
import { tanh } from "../../../wasm/src/snippets/tanh.as.ts";

const TURN: f64 = 6.283185307179586;
const QUARTER: f64 = 1.5707963267948966;

/**
 * Adds `π · tanh(angles) · delta` to theta, which is in 64 bits; `cosines` and `sines` are those of the sum. All three are padded to
 * whole fours.
 */
export function addAngles(
  theta: usize, angles: usize, delta: f32, pairs: i32, wrap: i32, cosines: usize, sines: usize,
): void {
  const rate = f64x2.splat(Math.PI * <f64>delta);
  for (let i = 0; i < pairs; i += 4) {
    const kept = theta + ((<usize>i) << 3);
    const by = tanh(load4(at(angles, i), pairs - i));
    const low = f64x2.add(v128.load(kept), f64x2.mul(lowHalf(by), rate));
    const high = f64x2.add(v128.load(kept, 16), f64x2.mul(highHalf(by), rate));
    const lowWithin = withinTurn(low);
    const highWithin = withinTurn(high);
    v128.store(kept, wrap ? lowWithin : low);
    v128.store(kept, wrap ? highWithin : high, 16);

    const lowQuarters = f64x2.nearest(f64x2.mul(lowWithin, f64x2.splat(1 / QUARTER)));
    const highQuarters = f64x2.nearest(f64x2.mul(highWithin, f64x2.splat(1 / QUARTER)));
    const rest = joined(
      f64x2.sub(lowWithin, f64x2.mul(lowQuarters, f64x2.splat(QUARTER))),
      f64x2.sub(highWithin, f64x2.mul(highQuarters, f64x2.splat(QUARTER))),
    );
    const quarters = i32x4.trunc_sat_f32x4_s(joined(lowQuarters, highQuarters));
    const s = sinOfRest(rest);
    const c = cosOfRest(rest);
    const one = i32x4.splat(1);
    const two = i32x4.splat(2);
    const odd = i32x4.eq(v128.and(quarters, one), one);
    // the sign bit is set in the second half of a turn, and of a turn that began a quarter earlier
    v128.store(at(sines, i), v128.xor(v128.bitselect(c, s, odd), i32x4.shl(v128.and(quarters, two), 30)));
    v128.store(at(cosines, i), v128.xor(v128.bitselect(s, c, odd), i32x4.shl(v128.and(i32x4.add(quarters, one), two), 30)));
  }
}

/** Turns the pairs of all vectors of `state` elements, `elements` in all. */
export function turn(
  vectors: usize, elements: i32, state: i32, pairs: i32, halved: i32, cosines: usize, sines: usize,
): void {
  const stride = halved ? 1 : 2; // from pair to pair
  const apart = halved ? state / 2 : 1; // of a pair
  for (let i = 0; i < pairs; i += 4) {
    const count = pairs - i;
    const cos = v128.load(at(cosines, i));
    const sin = v128.load(at(sines, i));
    for (let from = i * stride; from < elements; from += state) {
      const pair = at(vectors, from);
      const re = gather4(pair, stride, count);
      const im = gather4(at(pair, apart), stride, count);
      scatter4(pair, stride, f32x4.sub(f32x4.mul(re, cos), f32x4.mul(im, sin)), count);
      scatter4(at(pair, apart), stride, f32x4.add(f32x4.mul(re, sin), f32x4.mul(im, cos)), count);
    }
  }
}

/** Turns gradients of vectors that `turn` made back, and adds what the angles get of them to `dtheta`. */
export function turnBack(
  gradients: usize, turned: usize, elements: i32, state: i32, pairs: i32, halved: i32, cosines: usize, sines: usize, dtheta: usize,
): void {
  const stride = halved ? 1 : 2;
  const apart = halved ? state / 2 : 1;
  for (let i = 0; i < pairs; i += 4) {
    const count = pairs - i;
    const cos = v128.load(at(cosines, i));
    const sin = v128.load(at(sines, i));
    let sum = v128.load(at(dtheta, i));
    for (let from = i * stride; from < elements; from += state) {
      const pair = at(gradients, from);
      const re = gather4(pair, stride, count);
      const im = gather4(at(pair, apart), stride, count);
      const along = f32x4.mul(re, gather4(at(turned, from + apart), stride, count));
      sum = f32x4.add(sum, f32x4.sub(f32x4.mul(im, gather4(at(turned, from), stride, count)), along));
      scatter4(pair, stride, f32x4.add(f32x4.mul(re, cos), f32x4.mul(im, sin)), count);
      scatter4(at(pair, apart), stride, f32x4.sub(f32x4.mul(im, cos), f32x4.mul(re, sin)), count);
    }
    v128.store(at(dtheta, i), sum);
  }
}

/** An angle in 0 to 2π. */
@inline
function withinTurn(angle: v128): v128 {
  const turn = f64x2.splat(TURN);
  return f64x2.sub(angle, f64x2.mul(turn, f64x2.floor(f64x2.div(angle, turn))));
}
