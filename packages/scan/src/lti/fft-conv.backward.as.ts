/**
 * Gradient of the causal convolution by Fourier transforms, as `fft-conv.as.ts`. A unit is a channel: its kernel is
 * transformed once; of each sequence the input and the upstream gradient go there, and their two correlations come back.
 * Sums over the batch are in its order.
 *
 * Work: `4 batch + 1` transforms a channel; memory traffic is inputs and outputs once, and `points` complex doubles in
 * scratch for each stage.
 */
import { at } from "../../../wasm/src/snippets/memory.as.ts";
import { makeRoots, putTogether, takeApart } from "./fft.as.ts";

export function fftConvBackward(
  begin: i32, end: i32, scratch: usize,
  batch: i32, time: i32, inner: i32, taps: i32, points: i32,
  u: usize, K: usize, D: usize, dy: usize,
  du: usize, dK: usize, dD: usize,
): void {
  const bytes = <usize>points << 3;
  const cos = scratch;
  const sin = cos + bytes;
  const kernel = sin + bytes; // of this and the next three: real parts, then imaginary parts
  const signal = kernel + 2 * bytes;
  const upstream = signal + 2 * bytes;
  const product = upstream + 2 * bytes;
  const sums = product + 2 * bytes;
  makeRoots(cos, sin, points);
  const met = min(taps, time);

  for (let e = begin; e < end; e++) {
    memory.fill(kernel, 0, 2 * bytes);
    memory.fill(sums, 0, bytes);
    for (let s = 0; s < met; s++) store<f64>(kernel + (<usize>s << 3), <f64>load<f32>(at(K, e * taps + s)));
    takeApart(kernel, kernel + bytes, cos, sin, points);
    const skip = D ? <f64>load<f32>(at(D, e)) : 0;
    let dskip: f64 = 0;
    for (let b = 0; b < batch; b++) {
      const first = b * time * inner + e;
      memory.fill(signal, 0, 4 * bytes);
      for (let t = 0; t < time; t++) {
        const value = <f64>load<f32>(at(u, first + t * inner));
        const back = <f64>load<f32>(at(dy, first + t * inner));
        store<f64>(signal + (<usize>t << 3), value);
        store<f64>(upstream + (<usize>t << 3), back);
        dskip += value * back;
      }
      takeApart(signal, signal + bytes, cos, sin, points);
      takeApart(upstream, upstream + bytes, cos, sin, points);
      correlate(product, upstream, signal, bytes);
      putTogether(product, product + bytes, cos, sin, points);
      for (let s: usize = 0; s < <usize>met << 3; s += 8) {
        store<f64>(sums + s, load<f64>(sums + s) + load<f64>(product + s));
      }
      correlate(product, upstream, kernel, bytes);
      putTogether(product, product + bytes, cos, sin, points);
      for (let t = 0; t < time; t++) {
        let sum = load<f64>(product + (<usize>t << 3));
        if (D) sum += skip * <f64>load<f32>(at(dy, first + t * inner));
        store<f32>(at(du, first + t * inner), <f32>sum);
      }
    }
    for (let s = 0; s < taps; s++) {
      store<f32>(at(dK, e * taps + s), s < met ? <f32>load<f64>(sums + (<usize>s << 3)) : 0);
    }
    store<f32>(at(dD, e), <f32>dskip);
  }
}

/** `a · conj(b)` over the number of points; real parts stand `bytes` before imaginary ones. */
function correlate(to: usize, a: usize, b: usize, bytes: usize): void {
  const by = 8 / <f64>bytes;
  for (let i: usize = 0; i < bytes; i += 8) {
    const aRe = load<f64>(a + i) * by;
    const aIm = load<f64>(a + bytes + i) * by;
    const bRe = load<f64>(b + i);
    const bIm = load<f64>(b + bytes + i);
    store<f64>(to + i, aRe * bRe + aIm * bIm);
    store<f64>(to + bytes + i, aIm * bRe - aRe * bIm);
  }
}
