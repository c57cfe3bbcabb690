/**
 * Causal convolution, one pass over time. A unit is up to 128 neighbouring channels of one sequence, computed four at a
 * time, a lane each. Their taps, turned to `width channels`, and their windows, oldest input first, stay in scratch:
 * 1 KiB a tap; where no step is padding or begins a sequence, only the first inputs need a window. The sum runs over the taps in order, the bias first.
 *
 * Work: a multiply-add for each `batch · time · inner · width`, and a sigmoid for each element where SiLU follows.
 */
import { fromLanes, toLanes } from "../../../wasm/src/snippets/lanes.as.ts";
import { madd } from "../../../wasm/src/snippets/madd.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";
import { silu } from "../../../wasm/src/snippets/sigmoid.as.ts";
import { sumOfFour } from "./sum-of-four.as.ts";

const CHANNELS = 128;

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

    // where no step is padding or begins a sequence, windows are only needed for inputs before the first
    const windowed = mask || seqIdx ? time : min(past, time);
    let sequence = 0;
    let begun = false;
    for (let t = 0; t < windowed; t++) {
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

    if (windowed < time) {
      const row = (b * time + windowed) * inner + first;
      whole(at(x, row), taps, bias ? at(bias, first) : 0, at(y, row), last - first, time - windowed, inner, width, activate);
      const state = at(x, (b * time + time - past) * inner + first);
      for (let k = 0; k < past; k++) {
        for (let e = 0; e < last - first; e += 4) {
          v128.store(at(window, e * width + k * 4), load4(at(state, k * inner + e), last - first - e));
        }
      }
    }
    fromLanes(window, at(finalState, channels), last - first, past, width);
  }
}

/** Steps before which there are as many inputs as a window holds: they are read where they are. */
function whole(
  x: usize, taps: usize, bias: usize, y: usize, channels: i32, length: i32, inner: i32, width: i32, activate: i32,
): void {
  for (let t = 0; t < length; t++, x = at(x, inner), y = at(y, inner)) {
    let e = 0;
    for (; e + 4 <= channels; e += 4) output(at(x, e), at(taps, e * width), bias ? at(bias, e) : 0, at(y, e), inner, width, activate, 4);
    if (e < channels) {
      output(at(x, e), at(taps, e * width), bias ? at(bias, e) : 0, at(y, e), inner, width, activate, channels - e);
    }
  }
}

@inline
function output(x: usize, taps: usize, bias: usize, y: usize, inner: i32, width: i32, activate: i32, count: i32): void {
  const start = bias ? load4(bias, count) : f32x4.splat(0);
  const sum = width == 4 ? sumOfFour(x, taps, inner, start, count) : sumOf(x, taps, inner, width, start, count);
  store4(y, activate ? silu(sum) : sum, count);
}

function sumOf(x: usize, taps: usize, inner: i32, width: i32, sum: v128, count: i32): v128 {
  for (let k = 0; k < width; k++) sum = madd(v128.load(at(taps, k * 4)), load4(at(x, (k + 1 - width) * inner), count), sum);
  return sum;
}
