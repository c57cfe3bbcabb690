/** Turns pairs of channels. A unit is a head at one time of one sequence; it moves 8 bytes an element, and the angles. */
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";

export function rope(
  begin: i32, end: i32, _scratch: usize,
  time: i32, heads: i32, headDim: i32, pairs: i32, inverse: i32,
  x: usize, cos: usize, sin: usize, y: usize,
): void {
  const sign = f32x4.splat(inverse ? -1 : 1);
  for (let row = begin; row < end; row++) {
    const from = at(x, row * headDim);
    const to = at(y, row * headDim);
    const angle = (row / heads) % time * pairs;
    for (let i = 0; i < pairs; i += 4) {
      const count = pairs - i;
      const a = load4(at(from, i), count);
      const b = load4(at(from, pairs + i), count);
      const c = load4(at(cos, angle + i), count);
      const s = f32x4.mul(sign, load4(at(sin, angle + i), count));
      store4(at(to, i), f32x4.sub(f32x4.mul(a, c), f32x4.mul(b, s)), count);
      store4(at(to, pairs + i), f32x4.add(f32x4.mul(b, c), f32x4.mul(a, s)), count);
    }
    memory.copy(at(to, 2 * pairs), at(from, 2 * pairs), (<usize>(headDim - 2 * pairs)) << 2);
  }
}
