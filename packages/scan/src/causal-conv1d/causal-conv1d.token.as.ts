/**
 * Causal convolution of one token by taps of width four, the usual one. A unit is four neighbouring channels of one sequence:
 * their states, three inputs each, are three vectors, which shuffles turn into four windows and into the states after. So
 * nothing is turned to lanes, as `causal-conv1d.forward.as.ts` does for its many steps. A sum runs over the taps in lanes,
 * those of four channels together, and the bias comes last.
 *
 * Moves taps and states, once.
 */
import { at } from "../../../wasm/src/snippets/memory.as.ts";
import { silu } from "../../../wasm/src/snippets/sigmoid.as.ts";
import { sums4 } from "../../../wasm/src/snippets/sum.as.ts";

export function causalConv1dToken(
  begin: i32, end: i32, _scratch: usize,
  inner: i32,
  x: usize, weight: usize, bias: usize, initialState: usize,
  y: usize, finalState: usize,
  activate: i32,
): void {
  const blocks = inner / 4;
  for (let unit = begin; unit < end; unit++) {
    const e = (unit % blocks) * 4;
    const here = unit * 4;
    const input = v128.load(at(x, here)); // x0 x1 x2 x3
    const from = at(initialState, here * 3);
    const first = v128.load(from); // a0 b0 c0 a1
    const second = v128.load(from, 16); // b1 c1 a2 b2
    const third = v128.load(from, 32); // c2 a3 b3 c3

    const ends = v128.shuffle<i32>(second, input, 1, 5, 1, 5); // c1 x1
    const window0 = v128.shuffle<i32>(first, input, 0, 1, 2, 4);
    const window1 = v128.shuffle<i32>(v128.shuffle<i32>(first, second, 3, 4, 3, 4), ends, 0, 1, 4, 5);
    const window2 = v128.shuffle<i32>(v128.shuffle<i32>(second, third, 2, 3, 4, 4), input, 0, 1, 2, 6);
    const window3 = v128.shuffle<i32>(third, input, 1, 2, 3, 7);

    const to = at(finalState, here * 3);
    v128.store(to, v128.shuffle<i32>(window0, window1, 1, 2, 3, 5));
    v128.store(to, v128.shuffle<i32>(window1, window2, 2, 3, 5, 6), 16);
    v128.store(to, v128.shuffle<i32>(window2, window3, 3, 5, 6, 7), 32);

    const taps = at(weight, e * 4);
    let sum = sums4(
      f32x4.mul(v128.load(taps), window0),
      f32x4.mul(v128.load(taps, 16), window1),
      f32x4.mul(v128.load(taps, 32), window2),
      f32x4.mul(v128.load(taps, 48), window3),
    );
    if (bias) sum = f32x4.add(sum, v128.load(at(bias, e)));
    v128.store(at(y, here), activate ? silu(sum) : sum);
  }
}
