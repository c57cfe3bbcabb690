/**
 * Causal convolution, one pass over time. A unit is up to 32 neighbouring channels of one sequence, computed four at a
 * time, a lane each. Their taps, turned to `width channels`, and their windows, oldest input first, stay in scratch:
 * 256 bytes a tap. The sum runs over the taps in order, the bias first.
 *
 * Work: a multiply-add for each `batch · time · inner · width`, and a sigmoid for each element where SiLU follows.
 */
import { fromLanes, toLanes } from "../../../wasm/src/snippets/lanes.as.ts";
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { silu } from "../../../wasm/src/snippets/sigmoid.as.ts";

const CHANNELS = 32;

export function causalConv1dForward(
  begin: i32, end: i32, scratch: usize,
  time: i32, inner: i32, width: i32,
  x: usize, weight: usize, bias: usize, initialState: usize, mask: usize, seqIdx: usize,
  y: usize, finalState: usize,
  activate: i32,
): void {
  const blocks = (inner + CHANNELS - 1) / CHANNELS;
  const past = width - 1;
  const taps = scratch;
  const windows = at(scratch, CHANNELS * width);
  // a window has one place more than the state: the first of them is about to leave it
  const window = at(windows, 4);
  const zero = f32x4.splat(0);

  for (let unit = begin; unit < end; unit++) {
    const b = unit / blocks;
    const first = (unit % blocks) * CHANNELS;
    const last = min(first + CHANNELS, inner);
    const channels = (b * inner + first) * past;

    toLanes(at(weight, first * width), taps, last - first, width, width);
    if (initialState) toLanes(at(initialState, channels), window, last - first, past, width);
    else memory.fill(windows, 0, (<usize>CHANNELS * width) << 2);

    let sequence = 0;
    let begun = false;
    for (let t = 0; t < time; t++) {
      const row = b * time + t;
      const ignored = mask != 0 && load<i32>(at(mask, row)) == 0;
      if (seqIdx != 0 && !ignored) {
        const id = load<i32>(at(seqIdx, row));
        if (begun && id != sequence) memory.fill(windows, 0, (<usize>CHANNELS * width) << 2);
        sequence = id;
        begun = true;
      }
      for (let e = first; e < last; e += 4) {
        const count = last - e;
        const here = row * inner + e;
        if (ignored) {
          store4(at(y, here), zero, count);
          continue;
        }
        let place = (e - first) * width;
        let sum = bias ? load4(at(bias, e), count) : zero;
        for (let k = 0; k < past; k++) {
          const input = v128.load(at(windows, place + 4));
          v128.store(at(windows, place), input);
          sum = madd(v128.load(at(taps, place)), input, sum);
          place += 4;
        }
        const input = load4(at(x, here), count);
        v128.store(at(windows, place), input);
        sum = madd(v128.load(at(taps, place)), input, sum);
        store4(at(y, here), activate ? silu(sum) : sum, count);
      }
    }

    fromLanes(window, at(finalState, channels), last - first, past, width);
  }
}
