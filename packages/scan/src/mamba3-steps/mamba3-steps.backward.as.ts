/**
 * Gradient of the step sizes, decays and angles of Mamba-3, four heads or pairs at a time. A unit is a step of a sequence; the
 * gradient of the bias is the sum over steps that `sumRows` takes in a pass of its own.
 */
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { sigmoid } from "../../../wasm/src/snippets/sigmoid.as.ts";
import { softplus } from "../../../wasm/src/snippets/softplus.as.ts";
import { rate } from "./rate.as.ts";

export function mamba3StepsBackward(
  begin: i32, end: i32, scratch: usize, heads: i32, pairs: i32,
  rawDelta: usize, rawA: usize, deltaBias: usize, ddelta: usize, dlogDecay: usize, dheadAngles: usize,
  drawDelta: usize, drawA: usize, dangles: usize, floor: i32,
): void {
  const least = f32x4.splat(reinterpret<f32>(floor));
  const zero = f32x4.splat(0);
  for (let row = begin; row < end; row++) {
    for (let head = 0; head < heads; head += 4) {
      const here = row * heads + head;
      const count = heads - head;
      const raw = f32x4.add(load4(at(rawDelta, here), count), load4(at(deltaBias, head), count));
      const x = load4(at(rawA, here), count);
      const h = rate(x);
      const decay = dlogDecay ? load4(at(dlogDecay, here), count) : zero;
      const direct = ddelta ? load4(at(ddelta, here), count) : zero;
      const step = f32x4.sub(direct, f32x4.mul(decay, f32x4.max(h, least)));
      store4(at(drawDelta, here), f32x4.mul(step, sigmoid(raw)), count);
      const slope = v128.bitselect(f32x4.mul(h, h), f32x4.splat(1), f32x4.lt(x, zero));
      const dA = f32x4.neg(f32x4.mul(f32x4.mul(decay, softplus(raw)), slope));
      store4(at(drawA, here), v128.andnot(dA, f32x4.lt(h, least)), count);
    }
    for (let i = 0; i < pairs; i += 4) {
      const count = pairs - i;
      let sum = zero;
      if (dheadAngles) {
        for (let head = 0; head < heads; head++) {
          sum = f32x4.add(sum, load4(at(dheadAngles, (row * heads + head) * pairs + i), count));
        }
      }
      store4(at(dangles, row * pairs + i), sum, count);
    }
  }
}
