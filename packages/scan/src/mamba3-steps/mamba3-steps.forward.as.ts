/**
 * Step sizes, decays and angles of Mamba-3, four heads at a time. A unit is a step of a sequence. Two exponentials' worth
 * of work a head; memory traffic is that of inputs and outputs, 16 bytes a head and 4 for each of its pairs.
 */
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { softplus } from "../../../wasm/src/snippets/softplus.as.ts";
import { rate } from "./rate.as.ts";

export function mamba3Steps(
  begin: i32, end: i32, scratch: usize, heads: i32, pairs: i32,
  rawDelta: usize, rawA: usize, deltaBias: usize, angles: usize,
  delta: usize, logDecay: usize, headAngles: usize, floor: i32,
): void {
  const least = f32x4.splat(reinterpret<f32>(floor));
  for (let row = begin; row < end; row++) {
    for (let head = 0; head < heads; head += 4) {
      const here = row * heads + head;
      const count = heads - head;
      const step = softplus(f32x4.add(load4(at(rawDelta, here), count), load4(at(deltaBias, head), count)));
      store4(at(delta, here), step, count);
      const A = f32x4.max(rate(load4(at(rawA, here), count)), least);
      store4(at(logDecay, here), f32x4.neg(f32x4.mul(A, step)), count);
    }
    for (let head = 0; head < heads; head++) {
      memory.copy(at(headAngles, (row * heads + head) * pairs), at(angles, row * pairs), (<usize>pairs) << 2);
    }
  }
}
