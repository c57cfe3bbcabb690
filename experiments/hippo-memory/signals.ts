import { randomSource } from "@elapid/tensor";

/** Waves of a signal and the shortest of them, in samples. */
const [WAVES, SHORTEST] = [100, 128];

/**
 * Signals without waves shorter than 128 samples: cosines and sines of 100 random frequencies, the same for all seeds, with
 * normal weights of the seed's own.
 */
export interface SignalSpace {
  /** `2 · WAVES` basis signals, each of `length` samples. */
  readonly basis: readonly Float64Array[];
  draw(seed: number): Float64Array;
}

export function signalSpace(length: number): SignalSpace {
  const frequencies = randomSource(1);
  const basis = Array.from({ length: WAVES }, () => (2 * Math.PI * frequencies.next()) / SHORTEST).flatMap((turn) => [
    Float64Array.from({ length }, (_, k) => Math.cos(turn * k)),
    Float64Array.from({ length }, (_, k) => Math.sin(turn * k)),
  ]);
  return {
    basis,
    draw(seed) {
      const weights = normals(1000 + seed);
      const signal = new Float64Array(length);
      for (const wave of basis) addTimes(signal, weights() / Math.sqrt(WAVES), wave);
      return signal;
    },
  };
}

/** Numbers of a normal distribution (Box and Muller). */
export function normals(seed: number): () => number {
  const source = randomSource(seed);
  return () => Math.sqrt(-2 * Math.log(1 - source.next())) * Math.cos(2 * Math.PI * source.next());
}

/** Adds a multiple of a vector to another. */
export function addTimes(to: Float64Array, factor: number, vector: Float64Array): void {
  for (let i = 0; i < to.length; i++) to[i] += factor * vector[i];
}

/** The root of the mean square of what a reconstruction is off by, as a share of that of the signal, from a sample on. */
export function relativeError(signal: Float64Array, again: Float64Array, from = 0): number {
  let [off, all] = [0, 0];
  for (let k = from; k < signal.length; k++) {
    off += (signal[k] - again[k]) ** 2;
    all += signal[k] ** 2;
  }
  return Math.sqrt(off / all);
}
