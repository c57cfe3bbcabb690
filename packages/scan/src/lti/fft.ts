/** A complex signal in two arrays; its length is a power of two. */
export interface Signal {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

/**
 * Discrete Fourier transforms of one length, a power of two: radix 2, in place, in 64 bits
 * (Cooley & Tukey 1965). The table of roots is made once.
 */
export class Fft {
  readonly length: number;
  readonly #cos: Float64Array;
  readonly #sin: Float64Array;

  constructor(length: number) {
    if (!(Number.isInteger(length) && length > 0 && 2 ** Math.round(Math.log2(length)) === length)) {
      throw new RangeError(`Cannot make a Fourier transform: length is ${length} but a power of two was needed`);
    }
    this.length = length;
    const half = Math.max(length / 2, 1);
    this.#cos = Float64Array.from({ length: half }, (_, k) => Math.cos((2 * Math.PI * k) / length));
    this.#sin = Float64Array.from({ length: half }, (_, k) => -Math.sin((2 * Math.PI * k) / length));
  }

  /** `X[k] = sum over t of x[t] exp(-2πi k t / length)`, in place. */
  forward({ re, im }: Signal): void {
    this.#reverseBits(re, im);
    for (let size = 2; size <= this.length; size *= 2) {
      const half = size / 2;
      const stride = this.length / size;
      for (let start = 0; start < this.length; start += size) {
        for (let k = 0; k < half; k++) {
          const [low, high] = [start + k, start + k + half];
          const [cos, sin] = [this.#cos[k * stride], this.#sin[k * stride]];
          const turnedRe = re[high] * cos - im[high] * sin;
          const turnedIm = re[high] * sin + im[high] * cos;
          re[high] = re[low] - turnedRe;
          im[high] = im[low] - turnedIm;
          re[low] += turnedRe;
          im[low] += turnedIm;
        }
      }
    }
  }

  /** The inverse of `forward`, in place. */
  inverse({ re, im }: Signal): void {
    this.forward({ re: im, im: re });
    for (let i = 0; i < this.length; i++) {
      re[i] /= this.length;
      im[i] /= this.length;
    }
  }

  #reverseBits(re: Float64Array, im: Float64Array): void {
    for (let i = 1, j = 0; i < this.length; i++) {
      let bit = this.length >> 1;
      for (; j & bit; bit >>= 1) j ^= bit;
      j ^= bit;
      if (i < j) {
        [re[i], re[j]] = [re[j], re[i]];
        [im[i], im[j]] = [im[j], im[i]];
      }
    }
  }
}

/** Points of the transform by which sequences are convolved with so many taps: the ends of its circle do not meet. */
export function paddedLength(time: number, taps: number): number {
  let length = 1;
  while (length < Math.max(time, time + Math.min(taps, time) - 1)) length *= 2;
  return length;
}
