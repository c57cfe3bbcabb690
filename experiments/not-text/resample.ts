/** Samples at another, lower rate: a low pass (a sinc under a Hann window) at 0.9 of the new band, then one sample in so many. */
export function resample(signal: Float32Array, from: number, to: number): Float32Array {
  const cutoff = (0.9 * to) / from; // of half the old rate
  const half = Math.ceil(16 / cutoff);
  return Float32Array.from({ length: Math.floor((signal.length * to) / from) }, (_, i) => {
    const center = (i * from) / to;
    let sum = 0;
    for (let at = Math.ceil(center - half); at <= center + half; at++) {
      const x = at - center;
      const window = 0.5 + 0.5 * Math.cos((Math.PI * x) / half);
      const sinc = x === 0 ? cutoff : Math.sin(Math.PI * cutoff * x) / (Math.PI * x);
      sum += (signal[at] ?? 0) * sinc * window;
    }
    return sum;
  });
}

/** What lies between the first and the last sample that is louder than `threshold`. */
export function trimmed(signal: Float32Array, threshold: number): Float32Array {
  const isLoud = (x: number) => Math.abs(x) > threshold;
  const first = signal.findIndex(isLoud);
  return first === -1 ? signal.subarray(0, 0) : signal.subarray(first, signal.findLastIndex(isLoud) + 1);
}
