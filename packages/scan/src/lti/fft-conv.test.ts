import {
  expectClose,
  expectGradients,
  expectIndependent,
  host,
  randomInputs,
  seeds,
  someOf,
  tries,
} from "@elapid/testing";
import { Device, HostBackend, randomSource } from "@elapid/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { causalConv1d } from "../causal-conv1d/causal-conv1d.ts";
import { fftConv as op } from "./fft-conv.ts";
import { Fft } from "./fft.ts";

const { run } = host;
const small = { batch: 2, time: 19, inner: 3, taps: 23 };

describe.each([1, 2, 8, 64])("Fft of length %i", (length) => {
  const random = randomSource(length);
  const draw = () => Float64Array.from({ length }, () => random.next() - 0.5);

  test("is the sum that defines it, and its inverse undoes it", () => {
    const [re, im] = [draw(), draw()];
    const signal = { re: re.slice(), im: im.slice() };
    new Fft(length).forward(signal);
    for (let k = 0; k < length; k++) {
      let [sumRe, sumIm] = [0, 0];
      for (let t = 0; t < length; t++) {
        const angle = (-2 * Math.PI * k * t) / length;
        sumRe += re[t] * Math.cos(angle) - im[t] * Math.sin(angle);
        sumIm += re[t] * Math.sin(angle) + im[t] * Math.cos(angle);
      }
      expect(signal.re[k]).toBeCloseTo(sumRe, 12);
      expect(signal.im[k]).toBeCloseTo(sumIm, 12);
    }
    new Fft(length).inverse(signal);
    expectClose(signal.re, re, { relative: 1e-15, absolute: 1e-15, label: "re" });
    expectClose(signal.im, im, { relative: 1e-15, absolute: 1e-15, label: "im" });
  });
});

test.each([0, 3, -4, 2.5, NaN])("Fft refuses length %s", (length) => {
  expect(() => new Fft(length)).toThrow(
    new RangeError(`Cannot make a Fourier transform: length is ${length} but a power of two was needed`),
  );
});

test.each([
  { batch: 1, time: 1, inner: 1, taps: 1 },
  { batch: 2, time: 63, inner: 3, taps: 63 },
  { batch: 1, time: 257, inner: 2, taps: 257 },
  { batch: 2, time: 64, inner: 5, taps: 7 }, // a short kernel
  { batch: 1, time: 5, inner: 3, taps: 100 }, // taps that meet no input
  { batch: 3, time: 5, inner: 1, taps: 0 },
  { batch: 1, time: 1000, inner: 1, taps: 999 },
])("is the direct sum at B$batch T$time E$inner K$taps", async (sizes) => {
  const { batch, time, inner, taps } = sizes;
  const inputs = randomInputs(op, sizes, { seed: 1 });
  const { y } = await run(op, sizes, inputs);
  const expected = y.map((_, at) => {
    const e = at % inner;
    const t = Math.floor(at / inner) % time;
    let sum = inputs.D[e] * inputs.u[at];
    for (let s = 0; s <= t && s < taps; s++) sum += inputs.K[e * taps + s] * inputs.u[at - s * inner];
    return sum;
  });
  expect(expected).toHaveLength(batch * time * inner);
  // computed in 64 bits on either side: only the rounding at the end differs
  expectClose(y, expected, { relative: 1.2e-7, absolute: 0, label: "y" });
});

test("of a few taps is the causal convolution, whose taps are the other way round", async () => {
  const sizes = { batch: 2, time: 33, inner: 4, taps: 4 };
  const { u, K } = randomInputs(op, sizes, { seed: 2 });
  const weight = K.map((_, at) => K[at - (at % 4) + 3 - (at % 4)]);
  const conv = await run(causalConv1d, { batch: 2, time: 33, inner: 4, width: 4 }, { x: u, weight });
  expectClose((await run(op, sizes, { u, K })).y, conv.y, { relative: 1e-6, label: "y" });
});

test.each([small, { ...small, taps: 4 }])("gradients agree with finite differences, $taps taps", (sizes) =>
  expectGradients({ op, sizes, inputs: randomInputs(op, sizes, { seed: 3 }) }),
);

test("gradients without D", () =>
  expectGradients({ op, sizes: small, inputs: randomInputs(op, small, { seed: 4, without: ["D"] }) }));

test("convolving twice is convolving with the convolution of both kernels", () =>
  fc.assert(
    fc.asyncProperty(seeds, async (seed) => {
      const sizes = { batch: 1, time: 21, inner: 2, taps: 21 };
      const { u, K } = randomInputs(op, sizes, { seed });
      const other = randomInputs(op, sizes, { seed: seed + 1 }).K;
      const twice = await run(op, sizes, { u: (await run(op, sizes, { u, K })).y, K: other });
      const turned = (array: Float32Array) => array.map((_, at) => array[(at % 2) * 21 + Math.floor(at / 2)]);
      const joined = (await run(op, sizes, { u: turned(K), K: other })).y;
      const kernel = joined.map((_, at) => joined[(at % 21) * 2 + Math.floor(at / 21)]);
      expectClose((await run(op, sizes, { u, K: kernel })).y, twice.y, { relative: 1e-5, label: "y" });
    }),
    tries,
  ));

test("computes a sequence with the same bits whatever others are in the batch", () => {
  const sizes = { ...small, batch: 4 };
  const inputs = randomInputs(op, sizes, { seed: 5 });
  return fc.assert(
    fc.asyncProperty(someOf(4), (chosen) => expectIndependent(run, { op, sizes, inputs }, "batch", chosen)),
    tries,
  );
});

test("a NaN stays in its channel and sequence, and is seen", async () => {
  const inputs = randomInputs(op, small, { seed: 6 });
  inputs.u[4 * small.inner + 1] = NaN;
  const { y } = await run(op, small, inputs);
  expect([...y].map(Number.isNaN)).toEqual([...y].map((_, at) => at < 19 * 3 && at % 3 === 1));
});

test("names what does not fit", () => {
  const device = new Device(new HostBackend());
  expect(() => op({ u: device.zeros([1, 5, 3]), K: device.zeros([4, 5]) })).toThrow(
    new TypeError('Cannot run "fft-conv": "inner" is 3 in u but 4 in K'),
  );
});
