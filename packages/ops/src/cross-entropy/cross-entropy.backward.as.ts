/**
 * Gradient of the negative log-likelihood by the logits. A unit is a row, which is read twice, for its peak and for its
 * exponentials; those are left in the result and scaled in a third pass. Sums have 64 bits, and so has the label's
 * element: the small gradient of a sure prediction keeps its digits. Work: one exponential a logit.
 */
import { highHalf, lowHalf, sumLanes } from "../../../wasm/src/snippets/double.as.ts";
import { expsBelow } from "../../../wasm/src/snippets/exp.as.ts";
import { at, load4, store4 } from "../../../wasm/src/snippets/memory.as.ts";

export function crossEntropyBackward(
  begin: i32, end: i32, scratch: usize,
  vocab: i32, ignoreIndex: i32, labelSmoothing: i32,
  logits: usize, labels: usize, dloss: usize, dlogits: usize,
): void {
  const smoothing = <f64>reinterpret<f32>(labelSmoothing);
  const spread = smoothing / <f64>vocab;
  for (let r = begin; r < end; r++) {
    const out = at(dlogits, r * vocab);
    const label = load<i32>(at(labels, r));
    if (label == ignoreIndex) {
      memory.fill(out, 0, (<usize>vocab) << 2);
      continue;
    }
    const sum = exponentials(at(logits, r * vocab), out, vocab);
    const upstream = <f64>load<f32>(at(dloss, r));
    const inRange = label >= 0 && label < vocab;
    const likely: f64 = inRange ? load<f32>(at(out, label)) : 0;
    const scale = f32x4.splat(<f32>(upstream / sum));
    const rest = f32x4.splat(<f32>(upstream * spread));
    let v = 0;
    for (; v + 4 <= vocab; v += 4) v128.store(at(out, v), f32x4.sub(f32x4.mul(v128.load(at(out, v)), scale), rest));
    if (v < vocab) store4(at(out, v), f32x4.sub(f32x4.mul(load4(at(out, v), vocab - v), scale), rest), vocab - v);
    if (inRange) store<f32>(at(out, label), <f32>(upstream * ((likely - sum) / sum + smoothing - spread)));
  }
}

/** `exp(logit - the largest)` of a row; gives their sum. A NaN that the search for the largest passes over is met here. */
function exponentials(row: usize, out: usize, count: i32): f64 {
  let peaks = f32x4.splat(-Infinity);
  const whole = count & ~3;
  for (let i = 0; i < whole; i += 4) peaks = f32x4.pmax(peaks, v128.load(at(row, i)));
  if (whole < count) peaks = f32x4.pmax(peaks, load4(at(row, whole), count - whole, -Infinity));
  const pairs = f32x4.pmax(peaks, i64x2.shuffle(peaks, peaks, 1, 0));
  const peak = f32x4.splat(max(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 1)));
  expsBelow(row, count, peak, out);
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (let i = 0; i < whole; i += 4) {
    const values = v128.load(at(out, i));
    low = f64x2.add(low, lowHalf(values));
    high = f64x2.add(high, highHalf(values));
  }
  if (whole < count) {
    const values = load4(at(out, whole), count - whole);
    low = f64x2.add(low, lowHalf(values));
    high = f64x2.add(high, highHalf(values));
  }
  return sumLanes(f64x2.add(low, high));
}
