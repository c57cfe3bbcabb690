import {
  backends,
  expectClose,
  expectGolden,
  expectGoldenGradients,
  expectIndependent,
  expectMatchesReference,
  expectNaNsOfReference,
  goldenCases,
  host,
  randomInputs,
  someOf,
  tries,
  type Call,
  type Sizes,
} from "@elapid/testing";
import type { AnyOp, Attributes } from "@elapid/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { discretizeDiagonal, discretizeDiagonalBackward } from "./discretize-diagonal.ts";
import { fftConv, fftConvBackward } from "./fft-conv.ts";
import { ltiScan, ltiScanBackward } from "./lti-scan.ts";
import { s4dKernel, s4dKernelBackward } from "./s4d-kernel.ts";
import { ssmKernelDiag, ssmKernelDiagBackward } from "./ssm-kernel-diag.ts";

/** Modes that decay: what grows leaves 32 bits. */
const ranges = { A: [-2, -0.1], dt: [0.05, 0.5], logDt: [-4, -1], logAReal: [-1, 0.5], AImag: [-10, 10] } as const;
const rules = ["zoh", "bilinear", "euler", "backward-euler"];

function callOf(op: AnyOp, sizes: Sizes, attributes?: Attributes, without?: readonly string[]): Call {
  const { time } = sizes;
  const all = "time" in op.attributes ? { ...attributes, time } : attributes;
  const inputs = randomInputs(op, { ...sizes, complex: 2 }, { seed: 1, ranges, attributes: all, without });
  return { op, sizes, inputs, attributes: all };
}

const byRule = rules.flatMap((rule) => [
  callOf(discretizeDiagonal, { inner: 3, state: 63, parts: 2 }, { rule }),
  callOf(discretizeDiagonal, { inner: 257, state: 1, parts: 1 }, { rule }),
  callOf(discretizeDiagonalBackward, { inner: 3, state: 65, parts: 2 }, { rule }, ["dBBar"]),
  callOf(discretizeDiagonalBackward, { inner: 3, state: 5, parts: 1 }, { rule }, ["dABar"]),
  callOf(discretizeDiagonalBackward, { inner: 257, state: 2, parts: 2 }, { rule }),
  callOf(ssmKernelDiag, { inner: 1, state: 1, time: 1 }, { rule }),
  callOf(ssmKernelDiag, { inner: 66, state: 3, time: 63 }, { rule }),
  callOf(ssmKernelDiagBackward, { inner: 1, state: 1, time: 1 }, { rule }),
  callOf(ssmKernelDiagBackward, { inner: 33, state: 4, time: 65 }, { rule }),
  callOf(ltiScan, { batch: 1, time: 1, inner: 1, state: 1 }, { rule }),
  callOf(ltiScan, { batch: 2, time: 63, inner: 5, state: 3 }, { rule }, ["D"]),
  callOf(ltiScanBackward, { batch: 1, time: 1, inner: 1, state: 1 }, { rule }, ["D", "initialState"]),
  callOf(ltiScanBackward, { batch: 3, time: 37, inner: 65, state: 16 }, { rule }, ["dfinalState"]),
]);

const calls = [
  ...byRule,
  callOf(ltiScan, { batch: 2, time: 0, inner: 2, state: 3 }),
  callOf(ltiScan, { batch: 3, time: 257, inner: 65, state: 16 }, {}, ["initialState"]),
  callOf(ltiScanBackward, { batch: 2, time: 0, inner: 2, state: 3 }),
  callOf(ltiScanBackward, { batch: 2, time: 65, inner: 2, state: 3 }, {}, ["dy"]),
  callOf(ltiScanBackward, { batch: 2, time: 257, inner: 5, state: 7 }),
  callOf(s4dKernel, { inner: 1, state: 1, time: 1 }),
  callOf(s4dKernel, { inner: 33, state: 32, time: 257 }),
  callOf(s4dKernelBackward, { inner: 2, state: 3, time: 0 }),
  callOf(s4dKernelBackward, { inner: 33, state: 32, time: 257 }),
  callOf(fftConv, { batch: 1, time: 1, inner: 1, taps: 1 }),
  callOf(fftConv, { batch: 2, time: 2, inner: 3, taps: 1 }, {}, ["D"]),
  callOf(fftConv, { batch: 1, time: 5, inner: 3, taps: 100 }),
  callOf(fftConv, { batch: 1, time: 5, inner: 3, taps: 0 }),
  callOf(fftConv, { batch: 3, time: 257, inner: 65, taps: 4 }),
  // in the memory of a workgroup; one stage beyond it; five, in two passes
  ...[500, 1000, 9000].map((time) => callOf(fftConv, { batch: 1, time, inner: 1, taps: time })),
  callOf(fftConv, { batch: 2, time: 63, inner: 5, taps: 63 }),
  callOf(fftConvBackward, { batch: 1, time: 1, inner: 1, taps: 1 }),
  callOf(fftConvBackward, { batch: 2, time: 0, inner: 5, taps: 3 }),
  callOf(fftConvBackward, { batch: 1, time: 5, inner: 3, taps: 100 }),
  callOf(fftConvBackward, { batch: 3, time: 257, inner: 65, taps: 4 }),
  ...[1000, 9000].map((time) => callOf(fftConvBackward, { batch: 2, time, inner: 1, taps: time })),
  callOf(fftConvBackward, { batch: 2, time: 63, inner: 5, taps: 63 }, {}, ["D"]),
].map((call) => ({ ...call, name: call.op.name, at: JSON.stringify(call.sizes), rule: call.attributes?.rule ?? "" }));

/** One call of each op. */
const samples = calls.filter(({ name }, i) => calls.findLastIndex((other) => other.name === name) === i);

const webgpu = backends().filter(({ name }) => name.startsWith("webgpu"));

describe.each(webgpu)("linear time-invariant systems on $name", ({ run, device }) => {
  const golden = ["discretize_diagonal", "s4d_kernel", "ssm_kernel_diag"].flatMap((op) => goldenCases(op));

  test.each(golden)("match $reference: $id", async (each) => expectGolden(await device(), each));
  test.each(golden.filter(({ hasGradients }) => hasGradients))("have the gradients of $reference: $id", async (each) =>
    expectGoldenGradients(await device(), each),
  );

  test.each(calls)("$name matches the reference at $at $rule", (call) => expectMatchesReference(run, call, 2e-5));

  test.each(samples)("$name has NaN where the reference has", (call) => expectNaNsOfReference(run, call));

  test.each(samples)("$name has the same bits twice", async ({ op, sizes, inputs, attributes }) =>
    expect(await run(op, sizes, inputs, attributes)).toEqual(await run(op, sizes, inputs, attributes)),
  );

  test.each([
    { ...callOf(ltiScan, { batch: 4, time: 19, inner: 3, state: 3 }), dim: "batch" },
    { ...callOf(fftConv, { batch: 4, time: 9, inner: 3, taps: 9 }), dim: "batch" },
    { ...callOf(s4dKernel, { inner: 4, state: 3, time: 39 }), dim: "inner" },
    { ...callOf(ssmKernelDiag, { inner: 4, state: 3, time: 39 }), dim: "inner" },
    { ...callOf(discretizeDiagonal, { inner: 4, state: 3, parts: 2 }), dim: "inner" },
  ])("$op.name gives one along $dim the same bits whatever others are beside it", ({ dim, ...call }) =>
    fc.assert(
      fc.asyncProperty(someOf(4), (chosen) => expectIndependent(run, call, dim, chosen)),
      tries,
    ),
  );

  test("a convolution of 2^12 steps is the recurrence, slow modes and fast ones", async () => {
    const sizes = { batch: 1, time: 2 ** 12, inner: 1, state: 8 };
    const slow = { A: [-1, -0.01], dt: [0.01, 0.01] } as const;
    const all = { ...sizes, complex: 2 };
    const { u, D, ...system } = randomInputs(ltiScan, all, { seed: 2, ranges: slow, without: ["initialState"] });
    const { y } = await run(ltiScan, sizes, { u, D, ...system });
    const { K } = await run(ssmKernelDiag, sizes, system, { time: sizes.time });
    const convolved = await run(fftConv, { ...sizes, taps: sizes.time }, { u, K, D });
    expectClose(convolved.y, y, { relative: 2e-5, label: "y" });
    const exact = await host.run(ltiScan, sizes, { u, D, ...system });
    expectClose(y, exact.y, { relative: 2e-5, label: "the recurrence" });
  });

  test("a stiff mode is finite, and large frequencies keep their digits", async () => {
    const sizes = { inner: 2, state: 1, parts: 2 };
    const inputs = {
      A: Float32Array.of(-1e4, 1e4, -1e-6, 1e4),
      B: Float32Array.of(1, 0, 1, 0),
      dt: Float32Array.of(50, 1),
    };
    const { ABar, BBar } = await run(discretizeDiagonal, sizes, inputs);
    expect([...ABar, ...BBar].every(Number.isFinite)).toBe(true);
    expectClose(ABar, [0, 0, Math.cos(1e4), Math.sin(1e4)], { relative: 2e-6, label: "ABar" });
  });
});
