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
