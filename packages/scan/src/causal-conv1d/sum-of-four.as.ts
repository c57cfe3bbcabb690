import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4 } from "../../../wasm/src/snippets/memory.as.ts";

/** `sum` and the sum over a window of four, which models use, of inputs read where they are: the newest is at `x`. */
@inline
export function sumOfFour(x: usize, taps: usize, inner: i32, sum: v128, count: i32): v128 {
  const before = at(x, -inner);
  sum = madd(v128.load(taps), load4(at(before, -2 * inner), count), sum);
  sum = madd(v128.load(taps, 16), load4(at(before, -inner), count), sum);
  sum = madd(v128.load(taps, 32), load4(before, count), sum);
  return madd(v128.load(taps, 48), load4(x, count), sum);
}

/**
 * The sums over windows of four, which models use, of rows of `wide` elements that lie one behind the other; of inputs there are
 * three rows more. Steps of four channels come one after the other, as their window is then in registers.
 */
export function sumsOfFour(inputs: usize, taps: usize, bias: usize, channels: i32, wide: i32, length: i32, sums: usize): void {
  const row = at(0, wide);
  for (let e = 0; e < channels; e += 4, taps += 64) {
    const tap0 = v128.load(taps), tap1 = v128.load(taps, 16), tap2 = v128.load(taps, 32), tap3 = v128.load(taps, 48);
    const start = bias ? load4(at(bias, e), channels - e) : f32x4.splat(0);
    let from = at(inputs, e);
    let x0 = v128.load(from), x1 = v128.load(from + row), x2 = v128.load(from + 2 * row);
    from += 3 * row;
    let to = at(sums, e);
    for (const end = to + row * <usize>length; to < end; to += row, from += row) {
      const newest = v128.load(from);
      v128.store(to, madd(tap3, newest, madd(tap2, x2, madd(tap1, x1, madd(tap0, x0, start)))));
      x0 = x1;
      x1 = x2;
      x2 = newest;
    }
  }
}
