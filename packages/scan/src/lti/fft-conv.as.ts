/**
 * Causal convolution by Fourier transforms of `points`, a power of two, in 64 bits. A unit is a channel: its kernel is
 * transformed once, then each sequence there and back.
 *
 * Work: `2 batch + 1` transforms a channel of `5 points log2(points)` operations, two butterflies at once; memory traffic
 * is inputs and outputs once, and `points` complex doubles in scratch for each of the `log2(points)` stages.
 */
import { at } from "../../../wasm/src/snippets/memory.as.ts";
import { makeRoots, putTogether, takeApart } from "./fft.as.ts";

export function fftConv(
  begin: i32, end: i32, scratch: usize,
  batch: i32, time: i32, inner: i32, taps: i32, points: i32,
  u: usize, K: usize, D: usize, y: usize,
): void {
  const bytes = <usize>points << 3;
  const cos = scratch;
  const sin = cos + bytes;
  const kernel = sin + bytes; // real parts, then imaginary parts
  const signal = kernel + 2 * bytes;
  makeRoots(cos, sin, points);
  const met = min(taps, time);

  for (let e = begin; e < end; e++) {
    memory.fill(kernel, 0, 2 * bytes);
    for (let s = 0; s < met; s++) store<f64>(kernel + (<usize>s << 3), <f64>load<f32>(at(K, e * taps + s)));
    takeApart(kernel, kernel + bytes, cos, sin, points);
    const skip = D ? <f64>load<f32>(at(D, e)) : 0;
    for (let b = 0; b < batch; b++) {
      const first = b * time * inner + e;
      memory.fill(signal, 0, 2 * bytes);
      for (let t = 0; t < time; t++) {
        store<f64>(signal + (<usize>t << 3), <f64>load<f32>(at(u, first + t * inner)));
      }
      takeApart(signal, signal + bytes, cos, sin, points);
      multiply(signal, kernel, bytes);
      putTogether(signal, signal + bytes, cos, sin, points);
      for (let t = 0; t < time; t++) {
        let sum = load<f64>(signal + (<usize>t << 3));
        if (D) sum += skip * <f64>load<f32>(at(u, first + t * inner));
        store<f32>(at(y, first + t * inner), <f32>sum);
      }
    }
  }
}

/** Multiplies a spectrum with another and divides by the number of points; real parts stand `bytes` before imaginary ones. */
function multiply(signal: usize, kernel: usize, bytes: usize): void {
  const by = 8 / <f64>bytes;
  for (let i: usize = 0; i < bytes; i += 8) {
    const aRe = load<f64>(signal + i) * by;
    const aIm = load<f64>(signal + bytes + i) * by;
    const bRe = load<f64>(kernel + i);
    const bIm = load<f64>(kernel + bytes + i);
    store<f64>(signal + i, aRe * bRe - aIm * bIm);
    store<f64>(signal + bytes + i, aRe * bIm + aIm * bRe);
  }
}
