import type { ReferenceCall } from "@elapid/tensor";
import { Fft, paddedLength, type Signal } from "./fft.ts";

/** One channel after another. Signals are padded with zeros so that the ends of a circular convolution do not meet. */
export function fftConvReference({
  dims: { batch, time, inner, taps },
  inputs: { u, K, D },
  outputs: { y },
}: ReferenceCall<"batch time inner taps", "u K D?", "y">): void {
  const fft = new Fft(paddedLength(time, taps));
  for (let e = 0; e < inner; e++) {
    const kernel = spectrum(fft, Math.min(taps, time), (s) => K[e * taps + s]);
    for (let b = 0; b < batch; b++) {
      const at = (t: number) => (b * time + t) * inner + e;
      const signal = spectrum(fft, time, (t) => u[at(t)]);
      const { re } = product(fft, signal, kernel, 1);
      for (let t = 0; t < time; t++) y[at(t)] = re[t] + (D === undefined ? 0 : D[e] * u[at(t)]);
    }
  }
}

/** The same with conjugate spectra: `du` from those of `dy` and `K`, `dK` from those of `dy` and `u`. */
export function fftConvBackwardReference({
  dims: { batch, time, inner, taps },
  inputs: { u, K, D, dy },
  outputs: { du, dK, dD },
}: ReferenceCall<"batch time inner taps", "u K D? dy", "du dK dD">): void {
  const fft = new Fft(paddedLength(time, taps));
  const met = Math.min(taps, time);
  for (let e = 0; e < inner; e++) {
    const kernel = spectrum(fft, met, (s) => K[e * taps + s]);
    const dkernel = new Float64Array(taps);
    let dskip = 0;
    for (let b = 0; b < batch; b++) {
      const at = (t: number) => (b * time + t) * inner + e;
      const dsignal = spectrum(fft, time, (t) => dy[at(t)]);
      const signal = spectrum(fft, time, (t) => u[at(t)]);
      const byKernel = product(fft, dsignal, signal, -1).re;
      for (let s = 0; s < met; s++) dkernel[s] += byKernel[s];
      const bySignal = product(fft, dsignal, kernel, -1).re;
      for (let t = 0; t < time; t++) {
        du[at(t)] = bySignal[t] + (D === undefined ? 0 : D[e] * dy[at(t)]);
        dskip += u[at(t)] * dy[at(t)];
      }
    }
    dK.set(dkernel, e * taps);
    dD[e] = dskip;
  }
}

function spectrum(fft: Fft, count: number, valueAt: (t: number) => number): Signal {
  const signal = { re: new Float64Array(fft.length), im: new Float64Array(fft.length) };
  for (let t = 0; t < count; t++) signal.re[t] = valueAt(t);
  fft.forward(signal);
  return signal;
}

/** The signal whose spectrum is `a · b`, or `a · conj(b)` with `sign` -1. */
function product(fft: Fft, a: Signal, b: Signal, sign: 1 | -1): Signal {
  const re = a.re.map((value, k) => value * b.re[k] - sign * a.im[k] * b.im[k]);
  const im = a.im.map((value, k) => value * b.re[k] + sign * a.re[k] * b.im[k]);
  fft.inverse({ re, im });
  return { re, im };
}
