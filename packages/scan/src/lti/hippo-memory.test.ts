import { expectClose, seeds, tries } from "@elapid/testing";
import { randomSource } from "@elapid/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hippoMemory, type HippoMemory } from "./hippo-memory.ts";

type Signal = (time: number) => number;

/** A signal in the middle of its samples `from` to `to`. */
const samplesOf = (signal: Signal, to: number, from = 0) =>
  Float64Array.from({ length: to - from }, (_, k) => signal(from + k + 0.5));

function remember(
  measure: "legs" | "legt" | "fourier",
  n: number,
  { signal, length, window }: { readonly signal: Signal; readonly length: number; readonly window?: number },
): HippoMemory {
  const memory = hippoMemory(measure, n, { window });
  memory.push(samplesOf(signal, length));
  return memory;
}

/** Root of the mean square of what a memory is off by from sample `from` on. */
function errorOf(memory: HippoMemory, signal: Signal, from = 0): number {
  const times = samplesOf((time) => time, memory.length, from);
  const off = memory.reconstruct(times).map((value, k) => value - signal(times[k]));
  return Math.sqrt(off.reduce((sum, value) => sum + value * value, 0) / off.length);
}

/** Legendre polynomials from 0 to 1, orthonormal, written out. */
const polynomials: readonly Signal[] = [
  () => 1,
  (s) => Math.sqrt(3) * (2 * s - 1),
  (s) => Math.sqrt(5) * (6 * s ** 2 - 6 * s + 1),
  (s) => Math.sqrt(7) * (20 * s ** 3 - 30 * s ** 2 + 12 * s - 1),
  (s) => 3 * (70 * s ** 4 - 140 * s ** 3 + 90 * s ** 2 - 20 * s + 1),
];

/** Integrals over 0 to 1 of a signal with each of the polynomials, by 20,000 rectangles. */
function project(signal: Signal): Float64Array {
  const grid = Array.from({ length: 20_000 }, (_, k) => (k + 0.5) / 20_000);
  return Float64Array.from(polynomials, (p) => grid.reduce((sum, s) => sum + p(s) * signal(s), 0) / grid.length);
}

/** Smooth noise: sines of the lower frequencies with random phases. */
function smooth(seed: number, period: number): Signal {
  const random = randomSource(seed);
  const waves = Array.from({ length: 5 }, (_, k) => ({ turns: k + 0.5, phase: 7 * random.next() }));
  return (time) =>
    waves.reduce((sum, { turns, phase }) => sum + Math.sin((2 * Math.PI * turns * time) / period + phase), 0);
}

const signals: Readonly<Record<string, Signal>> = {
  "a polynomial": (s) => 4 * s ** 3 - 2 * s + 0.3,
  "a sine": (s) => Math.sin(7 * s),
  "a step": (s) => Number(s > 0.4),
};

describe("legs", () => {
  test.each(Object.entries(signals))("has the Legendre coefficients of %s", (_name, signal) => {
    const memory = remember("legs", 24, { signal: (time) => signal(time / 4000), length: 4000 });
    expectClose(memory.coefficients.subarray(0, 5), project(signal), { relative: 1e-4, label: "coefficients" });
  });

  test("has them at every moment, not only at the end", () => {
    const memory = hippoMemory("legs", 16);
    for (let length = 1000; length <= 4000; length += 1000) {
      memory.push(samplesOf((time) => Math.sin(time / 300), length, length - 1000));
      const exact = project((s) => Math.sin((s * length) / 300));
      expectClose(memory.coefficients.subarray(0, 5), exact, { relative: 1e-3, label: `after ${length}` });
    }
  });

  test("keeps a constant as it is, and the mean of anything", () => {
    const constant = remember("legs", 64, { signal: () => 3, length: 500 });
    const first = [3, ...Array<number>(63).fill(0)];
    expectClose(constant.coefficients, first, { relative: 0, absolute: 1e-12, label: "constant" });
    const samples = samplesOf(smooth(1, 100), 300);
    const memory = hippoMemory("legs", 8);
    memory.push(samples);
    expect(memory.coefficients[0]).toBeCloseTo(samples.reduce((sum, value) => sum + value, 0) / 300, 12);
  });

  test("forgets nothing as time goes on slower: a signal stretched has the coefficients that it had", () =>
    fc.assert(
      fc.property(seeds, fc.integer({ min: 2, max: 5 }), (seed, times) => {
        const signal = smooth(seed, 1000);
        const short = remember("legs", 16, { signal, length: 1000 });
        const long = remember("legs", 16, { signal: (time) => signal(time / times), length: 1000 * times });
        expectClose(long.coefficients, short.coefficients, { relative: 2e-3, label: "coefficients" });
      }),
      tries,
    ));

  test("is off by a sixteenth with four times the samples, as the bilinear rule is", () => {
    const errors = [250, 1000, 4000].map((length) => {
      const signal: Signal = (time) => Math.sin((7 * time) / length);
      return errorOf(remember("legs", 16, { signal, length }), signal);
    });
    expect(errors[0] / errors[1]).toBeGreaterThan(10);
    expect(errors[1] / errors[2]).toBeGreaterThan(10);
    expect(errors[2]).toBeLessThan(1e-6);
  });

  test("remembers better with more coefficients", () => {
    const signal = smooth(2, 1500);
    const errors = [4, 8, 16, 32].map((n) => errorOf(remember("legs", n, { signal, length: 3000 }), signal));
    expect(errors).toEqual(errors.toSorted((a, b) => b - a));
    expect(errors[0]).toBeGreaterThan(1);
    expect(errors[3]).toBeLessThan(0.05);
  });

  test("stays bounded with many coefficients and few samples", () => {
    const memory = remember("legs", 256, { signal: smooth(3, 40), length: 100 });
    expect(memory.coefficients.every((value) => Math.abs(value) < 10)).toBe(true);
  });
});

describe("legt", () => {
  const window = 500;

  test("has the Legendre coefficients of the window", () => {
    const signal: Signal = (time) => Math.sin(time / 90);
    const memory = remember("legt", 16, { signal, length: 1700, window });
    const exact = project((s) => signal(1700 - window + s * window));
    expectClose(memory.coefficients.subarray(0, 5), exact, { relative: 1e-3, label: "coefficients" });
  });

  test("gives a polynomial of a degree below n again, whatever came before the window", () => {
    const cubic: Signal = (time) => ((time - 2000) / window) ** 3;
    const memory = hippoMemory("legt", 6, { window });
    memory.push(samplesOf(smooth(4, 300), 1000));
    memory.push(samplesOf(cubic, 5000, 1000));
    expect(errorOf(memory, cubic, 5000 - window) / cubic(5000)).toBeLessThan(1e-5);
  });
});

describe("fourier", () => {
  test("gives again what repeats itself with the window, once it has seen it for long", () => {
    const window = 800;
    const signal: Signal = (time) =>
      0.3 + Math.cos((2 * Math.PI * time) / window) + 0.5 * Math.sin((6 * Math.PI * time) / window + 1);
    const errors = [1, 20].map((windows) => {
      const length = windows * window;
      return errorOf(remember("fourier", 16, { signal, length, window }), signal, length - window);
    });
    expect(errors[0]).toBeGreaterThan(1e-2);
    expect(errors[1]).toBeLessThan(2e-4);
  });
});

describe.each([["legs"], ["legt"], ["fourier"]] as const)("%s", (measure) => {
  const options = { window: measure === "legs" ? undefined : 50 };

  test("is linear in the signal", () =>
    fc.assert(
      fc.property(seeds, (seed) => {
        const [a, b] = [smooth(seed, 70), smooth(seed + 1, 90)];
        const [one, two, both] = [a, b, (time: number) => 2 * a(time) - 3 * b(time)].map(
          (signal) => remember(measure, 12, { signal, length: 120, ...options }).coefficients,
        );
        const expected = one.map((value, i) => 2 * value - 3 * two[i]);
        expectClose(both, expected, { relative: 1e-12, label: "coefficients" });
      }),
      tries,
    ));

  test("does not mind whether samples come one by one, and keeps what it gave", () => {
    const samples = samplesOf(smooth(5, 60), 100);
    const [whole, single] = [hippoMemory(measure, 10, options), hippoMemory(measure, 10, options)];
    whole.push(samples);
    const early = single.coefficients;
    for (const sample of samples) single.push(sample);
    expect(single.coefficients).toEqual(whole.coefficients);
    expect(single.length).toBe(100);
    expect(early).toEqual(new Float64Array(10));
  });

  test("gives NaN from a NaN on", () => {
    const memory = hippoMemory(measure, 4, options);
    memory.push([1, NaN, 1]);
    expect(memory.reconstruct([2.5])[0]).toBeNaN();
  });
});

test("says what is wrong", () => {
  expect(() => hippoMemory("lagt" as "legs", 4)).toThrow(
    new RangeError('Cannot make a HiPPO memory: measure is "lagt" but one of "legs", "legt", "fourier" was needed'),
  );
  expect(() => hippoMemory("legt", 4)).toThrow(
    new RangeError('Cannot make a HiPPO memory: the window of "legt" is undefined but a positive number was needed'),
  );
  expect(() => hippoMemory("legs", 4, { window: 9 })).toThrow(
    new RangeError(
      'Cannot make a HiPPO memory: the window of "legs" is 9 but none, as it remembers everything, was needed',
    ),
  );
  expect(() => hippoMemory("fourier", 5, { window: 9 })).toThrow("n is 5 but a Fourier basis has sines and cosines");
  expect(() => hippoMemory("legs", 0.5)).toThrow("n is 0.5 but a positive whole number was needed");
  const memory = hippoMemory("legt", 4, { window: 3 });
  memory.push([1, 2, 3, 4]);
  expect(() => memory.reconstruct([0.5])).toThrow(
    new RangeError("Cannot reconstruct a signal: time is 0.5 but 1 to 4 is remembered"),
  );
  expect(() => memory.reconstruct([NaN])).toThrow(RangeError);
});
