import {
  expectClose,
  expectGradients,
  expectMatchesReference,
  expectNaNsOfReference,
  expectSameBitsOnThreads,
  randomInputs,
  wasmBackends,
  host,
} from "@elapid/testing";
import { Device, HostBackend } from "@elapid/tensor";
import { describe, expect, test } from "vitest";
import { discretizeDense } from "../lti/discretize-dense.ts";
import { fftConv } from "../lti/fft-conv.ts";
import { hippo } from "../lti/hippo.ts";
import { hippoNplr } from "../lti/nplr.ts";
import { s4Kernel, s4KernelBackward } from "./s4-kernel.ts";
import { s4Scan } from "./s4-scan.ts";

const ranges = { logDt: [-4, -1], logAReal: [-1, 0.5], AImag: [-10, 10] } as const;
const shapes = [
  { inner: 1, state: 1, time: 1 },
  { inner: 5, state: 4, time: 63 },
  { inner: 3, state: 32, time: 257 },
  { inner: 2, state: 3, time: 0 },
].map((sizes) => ({ ...sizes, complex: 2 }));

/** HiPPO-LegS of `n` states as one channel, with an output that reads `c` of the states. */
function legs(n: number, c: Float64Array, dt: number): Record<string, Float32Array> {
  const { w, P, B, V } = hippoNplr("legs", n);
  const half = n / 2;
  const C = new Float32Array(n);
  for (let k = 0; k < half; k++) {
    c.forEach((value, i) => {
      C[2 * k] += value * V[(i * half + k) * 2];
      C[2 * k + 1] += value * V[(i * half + k) * 2 + 1];
    });
  }
  return {
    logDt: Float32Array.of(Math.log(dt)),
    logAReal: Float32Array.from({ length: half }, (_, k) => Math.log(-w[2 * k])),
    AImag: Float32Array.from({ length: half }, (_, k) => w[2 * k + 1]),
    P: Float32Array.from(P),
    B: Float32Array.from(B),
    C,
  };
}

test.each([
  { n: 2, dt: 0.1 },
  { n: 16, dt: 0.01 },
  { n: 64, dt: 0.005 },
])("s4Kernel of HiPPO-LegS, $n states, is that of the dense matrix", async ({ n, dt }) => {
  const time = 300;
  const c = Float64Array.from({ length: n }, (_, i) => Math.cos(3 * i) / (i + 1));
  const { K } = await host.run(s4Kernel, { inner: 1, state: n / 2, complex: 2, time }, legs(n, c, dt), { time });
  const { A, B } = discretizeDense(hippo("legs", n), Math.exp(Math.fround(Math.log(dt))), "bilinear");
  let x = B;
  const expected = new Float64Array(time);
  for (let l = 0; l < time; l++) {
    expected[l] = c.reduce((sum, value, i) => sum + value * x[i], 0);
    const before = x;
    x = x.map((_, i) => before.reduce((sum, value, j) => sum + A[i * n + j] * value, 0));
  }
  // parameters are rounded to float32, and HiPPO matrices are no friends of that
  expectClose(K, expected, { relative: 1e-5, label: "K" });
});

describe("s4Kernel and s4Scan", () => {
  test.each(shapes)("are one system at E$inner N$state T$time", async (sizes) => {
    const all = { ...sizes, batch: 1 };
    const { time } = sizes;
    const inputs = randomInputs(s4Scan, all, { seed: 1, ranges, without: ["initialState"] });
    const { u, D, ...system } = inputs;
    const { K } = await host.run(s4Kernel, sizes, system, { time });
    const convolved = await host.run(fftConv, { ...all, taps: time }, { u, K, D });
    const stepped = await host.run(s4Scan, all, inputs);
    expectClose(stepped.y, convolved.y, { relative: 2e-6, label: "y" });
  });

  test("go on from a state as if never cut", async () => {
    const sizes = { batch: 2, time: 20, inner: 3, state: 4, complex: 2 };
    const inputs = randomInputs(s4Scan, sizes, { seed: 2, ranges });
    const whole = await host.run(s4Scan, sizes, inputs);
    const steps = (values: Float32Array, from: number, to: number) =>
      Float32Array.from([0, 1].flatMap((b) => [...values.subarray((b * 20 + from) * 3, (b * 20 + to) * 3)]));
    const head = await host.run(s4Scan, { ...sizes, time: 8 }, { ...inputs, u: steps(inputs.u, 0, 8) });
    const tail = await host.run(
      s4Scan,
      { ...sizes, time: 12 },
      { ...inputs, u: steps(inputs.u, 8, 20), initialState: head.finalState },
    );
    expectClose(tail.y, steps(whole.y, 8, 20), { relative: 1e-6, label: "y" });
    expectClose(tail.finalState, whole.finalState, { relative: 1e-6, label: "finalState" });
  });

  test("a kernel of more steps begins with that of fewer", async () => {
    const sizes = { inner: 2, state: 5, complex: 2 };
    const inputs = randomInputs(s4Kernel, { ...sizes, time: 9 }, { seed: 3, ranges, attributes: { time: 9 } });
    const [short, long] = await Promise.all(
      [9, 500].map((time) => host.run(s4Kernel, { ...sizes, time }, inputs, { time })),
    );
    for (const channel of [0, 1]) {
      const beginning = long.K.subarray(channel * 500, channel * 500 + 9);
      expectClose(beginning, short.K.subarray(channel * 9, channel * 9 + 9), { relative: 1e-6, label: "K" });
    }
  });
});

describe.each(wasmBackends())("S4 on $name", ({ run }) => {
  test.each(shapes)("matches the reference at E$inner N$state T$time", async (sizes) => {
    const attributes = { time: sizes.time };
    const inputs = randomInputs(s4Kernel, sizes, { seed: 4, ranges, attributes });
    await expectMatchesReference(run, { op: s4Kernel, sizes, inputs, attributes });
    const back = randomInputs(s4KernelBackward, sizes, { seed: 5, ranges });
    await expectMatchesReference(run, { op: s4KernelBackward, sizes, inputs: back });
    for (const without of [[], ["D"], ["initialState"]]) {
      const all = { ...sizes, batch: 2 };
      const steps = randomInputs(s4Scan, all, { seed: 6, ranges, without });
      await expectMatchesReference(run, { op: s4Scan, sizes: all, inputs: steps });
    }
  });

  test("has NaN where the reference has it", async () => {
    const sizes = { inner: 3, state: 4, complex: 2, time: 9, batch: 2 };
    const attributes = { time: 9 };
    const inputs = randomInputs(s4Kernel, sizes, { seed: 10, ranges, attributes });
    await expectNaNsOfReference(run, { op: s4Kernel, sizes, inputs, attributes });
    for (const op of [s4KernelBackward, s4Scan]) {
      await expectNaNsOfReference(run, { op, sizes, inputs: randomInputs(op, sizes, { seed: 11, ranges }) });
    }
  });
});

test("gradient of every input of s4Kernel agrees with finite differences", () => {
  const sizes = { inner: 2, state: 3, complex: 2, time: 9 };
  const attributes = { time: 9 };
  const inputs = randomInputs(s4Kernel, sizes, { seed: 7, ranges, attributes });
  return expectGradients({ op: s4Kernel, sizes, inputs, attributes });
});

test("S4's kernel, gradient and scan have the same bits on any number of threads", async () => {
  const sizes = { inner: 7, state: 8, complex: 2, time: 65, batch: 3 };
  const attributes = { time: sizes.time };
  const inputs = randomInputs(s4Kernel, sizes, { seed: 8, ranges, attributes });
  await expectSameBitsOnThreads({ op: s4Kernel, sizes, inputs, attributes });
  for (const op of [s4KernelBackward, s4Scan]) {
    await expectSameBitsOnThreads({ op, sizes, inputs: randomInputs(op, sizes, { seed: 9, ranges }) });
  }
});

test("s4Kernel names what is wrong", () => {
  using device = new Device(new HostBackend());
  const zeros = (...shape: number[]) => device.zeros(shape);
  const system = { logAReal: zeros(3, 4), AImag: zeros(3, 4), P: zeros(3, 4, 2), B: zeros(3, 4, 2), C: zeros(3, 4, 2) };
  expect(() => s4Kernel({ logDt: zeros(2), ...system }, { time: 5 })).toThrow(
    new TypeError('Cannot run "s4-kernel": "inner" is 2 in logDt but 3 in logAReal'),
  );
  expect(() => s4Kernel({ logDt: zeros(3), ...system }, { time: 0.5 })).toThrow(
    new RangeError('Cannot run "s4-kernel": time is 0.5 but a whole number of steps was needed'),
  );
});
