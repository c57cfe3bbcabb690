import { expectClose, expectGradients, expectIndependent, host, randomInputs, someOf, tries } from "@elapid/testing";
import { Device, HostBackend } from "@elapid/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fftConv } from "./fft-conv.ts";
import { ltiScan as op, ltiScanBackward } from "./lti-scan.ts";
import type { Rule } from "./rules.ts";
import { s4dInit } from "./s4d-init.ts";
import { ssmKernelDiag } from "./ssm-kernel-diag.ts";

const { run } = host;
const rules: readonly Rule[] = ["zoh", "bilinear", "euler", "backward-euler"];
const ranges = { A: [-2, -0.1], dt: [0.05, 0.5] } as const;
const small = { batch: 2, time: 9, inner: 2, state: 3, complex: 2 };

describe.each(rules)("by %s", (rule) => {
  test.each([
    { batch: 1, time: 1, inner: 1, state: 1 },
    { batch: 2, time: 63, inner: 5, state: 3 },
    { batch: 1, time: 257, inner: 2, state: 33 },
    { batch: 1, time: 1000, inner: 1, state: 2 },
  ])("the recurrence is the convolution with the kernel, at B$batch T$time E$inner N$state", async (sizes) => {
    const { time } = sizes;
    const { u, D, ...system } = randomInputs(
      op,
      { ...sizes, complex: 2 },
      { seed: 1, ranges, without: ["initialState"] },
    );
    const { y } = await run(op, sizes, { u, D, ...system }, { rule });
    const { K } = await run(ssmKernelDiag, sizes, system, { rule, time });
    const convolved = await run(fftConv, { ...sizes, taps: time }, { u, K, D });
    expectClose(convolved.y, y, { relative: 1e-6, label: "y" });
  });

  test.each([[], ["D", "initialState"]])(
    "gradients agree with finite differences, without %s %s",
    async (...without) => {
      const attributes = { rule };
      const inputs = randomInputs(op, small, { seed: 2, ranges, without, attributes });
      await expectGradients({ op, sizes: small, inputs, attributes });
    },
  );
});

test("gives the same from the HiPPO start of S4D at its length, 4096 steps", async () => {
  const sizes = { batch: 1, time: 4096, inner: 1, state: 32, complex: 2 };
  const { A, B } = s4dInit("legs", 64);
  const { u, C } = randomInputs(op, sizes, { seed: 3 });
  const system = { A: Float32Array.from(A), B: Float32Array.from(B), C, dt: Float32Array.of(0.01) };
  const { y } = await run(op, sizes, { u, ...system });
  const { K } = await run(ssmKernelDiag, sizes, system, { time: 4096 });
  expectClose((await run(fftConv, { ...sizes, taps: 4096 }, { u, K })).y, y, { relative: 1e-6, label: "y" });
});

test("computes a sequence with the same bits whatever others are in the batch", () => {
  const sizes = { ...small, batch: 4 };
  const inputs = randomInputs(op, sizes, { seed: 4, ranges });
  return fc.assert(
    fc.asyncProperty(someOf(4), (chosen) => expectIndependent(run, { op, sizes, inputs }, "batch", chosen)),
    tries,
  );
});

test("with no steps hands the state on as it is", async () => {
  const sizes = { ...small, time: 0 };
  const inputs = randomInputs(op, sizes, { seed: 5, ranges });
  const { y, finalState } = await run(op, sizes, inputs);
  expect(y).toEqual(new Float32Array());
  expect(finalState).toEqual(inputs.initialState);
});

test("a NaN is seen from its step on, in its channel alone", async () => {
  const inputs = randomInputs(op, small, { seed: 6, ranges });
  inputs.u[4 * 2 + 1] = NaN;
  const { y } = await run(op, small, inputs);
  expect([...y].map(Number.isNaN)).toEqual([...y].map((_, at) => at < 9 * 2 && at % 2 === 1 && at >= 4 * 2));
});

test.each(rules.filter((rule) => rule !== "euler"))(
  "extreme steps, decays and inputs are finite by %s",
  async (rule) => {
    const sizes = { batch: 1, time: 50, inner: 4, state: 4 };
    const decays = [-1e-6, -0.1, -10, -1e4];
    const inputs = {
      u: new Float32Array(200).map((_, i) => (i % 3 === 0 ? 1e4 : -1e4)),
      A: Float32Array.from({ length: 32 }, (_, at) => (at % 2 === 0 ? decays[(at / 2) % 4] : 100)),
      B: new Float32Array(32).fill(1),
      C: new Float32Array(32).fill(1),
      dt: Float32Array.of(1e-6, 1e-3, 1, 50),
    };
    const { y, finalState } = await run(op, sizes, inputs, { rule });
    expect([...y, ...finalState].every(Number.isFinite)).toBe(true);
    // every mode is stable: no more than the sum of its inputs comes out
    expect(Math.max(...y.map(Math.abs))).toBeLessThan(50 * 1e4 * 8 * 50);
    const ones = { dy: new Float32Array(200).fill(1) };
    const back = await run(ltiScanBackward, sizes, { ...inputs, ...ones }, { rule });
    for (const [name, gradient] of Object.entries(back)) {
      expect([...gradient].every(Number.isFinite), name).toBe(true);
    }
  },
);

test("a system that grows is finite as long as 32 bits are, then infinite and never NaN", async () => {
  const sizes = { batch: 1, time: 300, inner: 1, state: 1 };
  const inputs = {
    u: new Float32Array(300).fill(1e4),
    A: Float32Array.of(-3, 0),
    B: Float32Array.of(1, 0),
    C: Float32Array.of(1, 0),
    dt: Float32Array.of(1),
  };
  const { y } = await run(op, sizes, inputs, { rule: "euler" }); // 1 - 3 = -2 is no contraction
  expect([...y].some(Number.isNaN)).toBe(false);
  expect([...y.subarray(0, 100)].every(Number.isFinite)).toBe(true);
  expect(Math.abs(y[299])).toBe(Infinity);
});

test("names what does not fit", () => {
  const device = new Device(new HostBackend());
  const A = device.zeros([3, 4, 2]);
  const given = { u: device.zeros([1, 5, 3]), A, B: A, C: A, dt: device.zeros([3]) };
  expect(() => op({ ...given, dt: device.zeros([2]) })).toThrow(
    new TypeError('Cannot run "lti-scan": "inner" is 3 in u but 2 in dt'),
  );
  expect(() => op({ ...given, initialState: device.zeros([1, 3, 4, 1]) })).toThrow(
    new TypeError('Cannot run "lti-scan": "complex" is 2 in A but 1 in initialState'),
  );
  for (const rule of ["Euler", "toString"]) expect(() => op(given, { rule })).toThrow(RangeError);
});
