/**
 * Negative log-likelihood of labels. A unit is a row, which is read twice, for its peak and for the sum of exponentials,
 * and a third time for the sum of logits where labels are smoothed. Exponentials have 32 bits, sums 64: the small loss
 * of a sure prediction keeps its digits. Work: one exponential a logit.
 */
import { highHalf, lowHalf, sumLanes } from "../../../wasm/src/snippets/double.as.ts";
import { expsBelow } from "../../../wasm/src/snippets/exp.as.ts";
import { at, load4 } from "../../../wasm/src/snippets/memory.as.ts";

/** Exponentials that are made at once, in a loop of their own. */
const BLOCK = 1024;

export function crossEntropy(
  begin: i32, end: i32, scratch: usize,
  vocab: i32, ignoreIndex: i32, labelSmoothing: i32,
  logits: usize, labels: usize, loss: usize,
): void {
  const smoothing = <f64>reinterpret<f32>(labelSmoothing);
  for (let r = begin; r < end; r++) {
    const label = load<i32>(at(labels, r));
    if (label == ignoreIndex) {
      store<f32>(at(loss, r), 0);
      continue;
    }
    const row = at(logits, r * vocab);
    const peak = peakOf(row, vocab);
    const target: f64 = label >= 0 && label < vocab ? load<f32>(at(row, label)) : f64.NaN;
    let out = <f64>peak + Math.log(sumOfExp(row, vocab, peak, scratch)) - (1 - smoothing) * target;
    if (smoothing != 0) out -= (smoothing * sum(row, vocab)) / vocab;
    store<f32>(at(loss, r), <f32>out);
  }
}

/** The largest element. A NaN may be passed over: the sum of exponentials meets it again. */
function peakOf(row: usize, count: i32): f32 {
  let peaks = f32x4.splat(-Infinity);
  const whole = count & ~3;
  for (let i = 0; i < whole; i += 4) peaks = f32x4.pmax(peaks, v128.load(at(row, i)));
  if (whole < count) peaks = f32x4.pmax(peaks, load4(at(row, whole), count - whole, -Infinity));
  const pairs = f32x4.pmax(peaks, i64x2.shuffle(peaks, peaks, 1, 0));
  return max(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 1));
}

/** The sum of `exp(logit - peak)`, of which `scratch` has room for a block. */
function sumOfExp(row: usize, count: i32, peak: f32, scratch: usize): f64 {
  let total: f64 = 0;
  for (let first = 0; first < count; first += BLOCK) {
    const few = min(BLOCK, count - first);
    expsBelow(at(row, first), few, f32x4.splat(peak), scratch);
    total += sum(scratch, few);
  }
  return total;
}

function sum(row: usize, count: i32): f64 {
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  const whole = count & ~3;
  for (let i = 0; i < whole; i += 4) {
    const values = v128.load(at(row, i));
    low = f64x2.add(low, lowHalf(values));
    high = f64x2.add(high, highHalf(values));
  }
  if (whole < count) {
    const values = load4(at(row, whole), count - whole);
    low = f64x2.add(low, lowHalf(values));
    high = f64x2.add(high, highHalf(values));
  }
  return sumLanes(f64x2.add(low, high));
}
