import {
  expectClose,
  expectGolden,
  expectGradients,
  expectIndependent,
  goldenCases,
  host,
  randomInputs,
  seeds,
  someOf,
  tries,
} from "@elapid/testing";
import { Device, HostBackend } from "@elapid/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { discretizeDense } from "./discretize-dense.ts";
import type { Rule } from "./rules.ts";
import { s4dKernel } from "./s4d-kernel.ts";
import { ssmKernelDiag } from "./ssm-kernel-diag.ts";

const { run } = host;
const rules: readonly Rule[] = ["zoh", "bilinear", "euler", "backward-euler"];
const ranges = { A: [-2, -0.1], dt: [0.05, 0.5], logDt: [-4, -1], logAReal: [-1, 0.5], AImag: [-10, 10] } as const;

test.each([...goldenCases("s4d_kernel"), ...goldenCases("ssm_kernel_diag")])("matches $reference: $id", (golden) =>
  expectGolden(new Device(new HostBackend(), { strict: true }), golden),
);

describe.each(rules)("ssmKernelDiag by %s", (rule) => {
  test.each([
    { inner: 1, state: 1, time: 1 },
    { inner: 5, state: 3, time: 63 },
    { inner: 2, state: 33, time: 257 },
  ])("at E$inner N$state T$time is what a dense system answers to an impulse", async (sizes) => {
    const { inner, state, time } = sizes;
    const inputs = randomInputs(ssmKernelDiag, { ...sizes, complex: 2 }, { seed: 1, ranges, attributes: { time } });
    const { K } = await run(ssmKernelDiag, sizes, inputs, { rule, time });
    const expected = new Float64Array(inner * time);
    for (let i = 0; i < inner * state; i++) {
      const e = Math.floor(i / state);
      const [a, b, c] = [inputs.A, inputs.B, inputs.C].map((array) => array.subarray(2 * i, 2 * i + 2));
      const { A, B } = discretizeDense(
        { A: Float64Array.of(a[0], -a[1], a[1], a[0]), B: Float64Array.from(b), n: 2 },
        inputs.dt[e],
        rule,
      );
      let x = B;
      for (let t = 0; t < time; t++) {
        expected[e * time + t] += 2 * (c[0] * x[0] - c[1] * x[1]);
        x = Float64Array.of(A[0] * x[0] + A[1] * x[1], A[2] * x[0] + A[3] * x[1]);
      }
    }
    expectClose(K, expected, { relative: 1e-6, label: "K" });
  });

  test("gradients agree with finite differences", async () => {
    const sizes = { inner: 2, state: 3, complex: 2, time: 6 };
    const attributes = { rule, time: 6 };
    const inputs = randomInputs(ssmKernelDiag, sizes, { seed: 2, ranges, attributes });
    await expectGradients({ op: ssmKernelDiag, sizes, inputs, attributes });
  });
});

describe("s4dKernel", () => {
  const sizes = { inner: 3, state: 4, complex: 2, time: 12 };
  const attributes = { time: 12 };
  const s4dInputs = (seed: number) => randomInputs(s4dKernel, sizes, { seed, ranges, attributes });

  test("is the kernel of the system that its parameters stand for", async () => {
    const { logDt, C, logAReal, AImag } = s4dInputs(3);
    const { K } = await run(s4dKernel, sizes, { logDt, C, logAReal, AImag }, attributes);
    const system = {
      A: Float32Array.from({ length: C.length }, (_, at) =>
        at % 2 === 0 ? -Math.exp(logAReal[at / 2]) : AImag[(at - 1) / 2],
      ),
      B: C.map((_, at) => (at % 2 === 0 ? 1 : 0)),
      C,
      dt: logDt.map(Math.exp),
    };
    expectClose(K, (await run(ssmKernelDiag, sizes, system, attributes)).K, { relative: 1e-6, label: "K" });
  });

  test("gradients agree with finite differences", () =>
    expectGradients({ op: s4dKernel, sizes, inputs: s4dInputs(4), attributes }));

  test("is linear in C", () =>
    fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const inputs = s4dInputs(seed);
        const other = s4dInputs(seed + 1).C;
        const kernelOf = async (C: Float32Array) => (await run(s4dKernel, sizes, { ...inputs, C }, attributes)).K;
        const [a, b] = [await kernelOf(inputs.C), await kernelOf(other)];
        const both = await kernelOf(inputs.C.map((value, i) => value + other[i]));
        expectClose(
          both,
          a.map((value, i) => value + b[i]),
          { relative: 1e-5, label: "K" },
        );
      }),
      tries,
    ));

  test("of fewer steps is the start of that of more, bit for bit", async () => {
    const inputs = s4dInputs(5);
    const long = await run(s4dKernel, sizes, inputs, attributes);
    const short = await run(s4dKernel, { ...sizes, time: 5 }, inputs, { time: 5 });
    for (let e = 0; e < 3; e++) expect(short.K.subarray(e * 5, e * 5 + 5)).toEqual(long.K.subarray(e * 12, e * 12 + 5));
  });

  test("of a channel has the same bits whatever others are beside it", () =>
    fc.assert(
      fc.asyncProperty(someOf(3), (chosen) =>
        expectIndependent(run, { op: s4dKernel, sizes, inputs: s4dInputs(6), attributes }, "inner", chosen),
      ),
      tries,
    ));

  test("keeps its digits over a long sequence: a slow mode is a geometric series", async () => {
    const time = 100_000;
    const [logDt, logA] = [Math.fround(Math.log(1e-3)), Math.fround(Math.log(0.01))];
    const { K } = await run(
      s4dKernel,
      { inner: 1, state: 1, time },
      {
        logDt: Float32Array.of(logDt),
        C: Float32Array.of(1, 0),
        logAReal: Float32Array.of(logA),
        AImag: Float32Array.of(0),
      },
      { time },
    );
    const rate = Math.exp(logDt) * Math.exp(logA);
    const expected = (2 * -Math.expm1(-rate)) / Math.exp(logA);
    for (const l of [0, 1, 777, time - 1]) expect(K[l] / (expected * Math.exp(-rate * l))).toBeCloseTo(1, 6);
  });

  test("of no steps is empty", async () => {
    const { K } = await run(s4dKernel, { ...sizes, time: 0 }, s4dInputs(7), { time: 0 });
    expect(K).toHaveLength(0);
  });
});

test("names what does not fit", () => {
  const device = new Device(new HostBackend());
  const zeros = (...shape: number[]) => device.zeros(shape);
  const s4d = { logDt: zeros(3), C: zeros(3, 4, 2), logAReal: zeros(3, 4), AImag: zeros(3, 4) };
  expect(() => s4dKernel(s4d)).toThrow(
    new RangeError('Cannot run "s4d-kernel": time is NaN but a whole number of steps was needed'),
  );
  expect(() => s4dKernel({ ...s4d, C: zeros(3, 4, 3) }, { time: 4 })).toThrow(
    new TypeError('Cannot run "s4d-kernel": "complex" is 3 in C but must be 2'),
  );
  expect(() => s4dKernel({ ...s4d, AImag: zeros(3, 5) }, { time: 4 })).toThrow(
    new TypeError('Cannot run "s4d-kernel": "state" is 4 in C but 5 in AImag'),
  );
  const A = zeros(3, 4, 2);
  expect(() => ssmKernelDiag({ A, B: A, C: A, dt: zeros(3) }, { time: 4, rule: "foh" })).toThrow(
    'Cannot run "ssm-kernel-diag": rule is "foh" but one of',
  );
});
