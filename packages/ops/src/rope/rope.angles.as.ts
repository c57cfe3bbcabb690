import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";

/** A unit is a position; the turns of its digits are multiplied, four pairs at a time. Work `6 levels` for a pair. */
export function ropeAngles(
  begin: i32, end: i32, _scratch: usize,
  levels: i32, digits: i32, pairs: i32,
  position: usize, cosDigits: usize, sinDigits: usize, cos: usize, sin: usize,
): void {
  for (let r = begin; r < end; r++) {
    const place = load<i32>(at(position, r));
    for (let i = 0; i < pairs; i += 4) {
      const count = pairs - i;
      let re = f32x4.splat(1);
      let im = f32x4.splat(0);
      let rest = place;
      for (let l = 0; l < levels; l++) {
        const row = (l * digits + rest % digits) * pairs + i;
        const c = load4(at(cosDigits, row), count);
        const s = load4(at(sinDigits, row), count);
        const next = f32x4.sub(f32x4.mul(re, c), f32x4.mul(im, s));
        im = f32x4.add(f32x4.mul(re, s), f32x4.mul(im, c));
        re = next;
        rest /= digits;
      }
      store4(at(cos, r * pairs + i), re, count);
      store4(at(sin, r * pairs + i), im, count);
    }
  }
}
