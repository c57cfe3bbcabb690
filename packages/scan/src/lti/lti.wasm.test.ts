import {
  expectClose,
  expectGolden,
  expectIndependent,
  expectMatchesReference,
  expectNaNsOfReference,
  expectSameBitsOnThreads,
  goldenCases,
  randomInputs,
  someOf,
  tries,
  wasmBackends,
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

const ranges = { A: [-3, 3], dt: [0.05, 0.5], logDt: [-4, -1], logAReal: [-1, 0.5], AImag: [-100, 100] } as const;

/** A call with random inputs; `A` has real parts of either sign, on which nothing depends but the size of what comes out. */
function callOf(op: AnyOp, sizes: Sizes, attributes?: Attributes, without?: readonly string[]): Call {
  const { time } = sizes;
  const all = "time" in op.attributes ? { ...attributes, time } : attributes;
  const inputs = randomInputs(op, { ...sizes, complex: 2 }, { seed: 1, ranges, attributes: all, without });
  return { op, sizes, inputs, attributes: all };
}

const systems = ["zoh", "bilinear", "euler", "backward-euler"].flatMap((rule) => [
  callOf(discretizeDiagonal, { inner: 3, state: 63, parts: 2 }, { rule }),
  callOf(discretizeDiagonal, { inner: 257, state: 1, parts: 1 }, { rule }),
  callOf(ssmKernelDiag, { inner: 1, state: 1, time: 1 }, { rule }),
  callOf(ssmKernelDiag, { inner: 5, state: 4, time: 63 }, { rule }),
  callOf(ssmKernelDiag, { inner: 66, state: 3, time: 7 }, { rule }),
  callOf(ltiScan, { batch: 1, time: 1, inner: 1, state: 1 }, { rule }),
  callOf(ltiScan, { batch: 2, time: 63, inner: 5, state: 3 }, { rule }, ["D"]),
  callOf(ltiScan, { batch: 3, time: 9, inner: 65, state: 16 }, { rule }, ["initialState"]),
]);

const backward = ["zoh", "bilinear", "euler", "backward-euler"].flatMap((rule) => [
  callOf(discretizeDiagonalBackward, { inner: 3, state: 63, parts: 2 }, { rule }, ["dBBar"]),
  callOf(discretizeDiagonalBackward, { inner: 3, state: 5, parts: 1 }, { rule }, ["dABar"]),
  callOf(discretizeDiagonalBackward, { inner: 257, state: 2, parts: 2 }, { rule }),
  callOf(ssmKernelDiagBackward, { inner: 1, state: 1, time: 1 }, { rule }),
  callOf(ssmKernelDiagBackward, { inner: 33, state: 4, time: 9 }, { rule }),
  callOf(ltiScanBackward, { batch: 1, time: 1, inner: 1, state: 1 }, { rule }, ["D", "initialState"]),
  callOf(ltiScanBackward, { batch: 2, time: 0, inner: 2, state: 3 }, { rule }),
  callOf(ltiScanBackward, { batch: 2, time: 5, inner: 2, state: 3 }, { rule }, ["dy"]),
  callOf(ltiScanBackward, { batch: 3, time: 9, inner: 65, state: 16 }, { rule }, ["dfinalState"]),
]);

const calls = [
  ...systems,
  ...backward,
  callOf(s4dKernelBackward, { inner: 1, state: 1, time: 0 }),
  callOf(s4dKernelBackward, { inner: 5, state: 7, time: 257 }),
  callOf(s4dKernelBackward, { inner: 33, state: 32, time: 129 }),
  callOf(fftConvBackward, { batch: 1, time: 1, inner: 1, taps: 1 }),
  callOf(fftConvBackward, { batch: 2, time: 63, inner: 5, taps: 63 }, {}, ["D"]),
  callOf(fftConvBackward, { batch: 2, time: 0, inner: 5, taps: 3 }),
  callOf(fftConvBackward, { batch: 1, time: 5, inner: 3, taps: 100 }),
  callOf(fftConvBackward, { batch: 3, time: 257, inner: 65, taps: 4 }),
  callOf(s4dKernel, { inner: 1, state: 1, time: 1 }),
  callOf(s4dKernel, { inner: 5, state: 7, time: 257 }),
  callOf(s4dKernel, { inner: 33, state: 32, time: 129 }),
  callOf(fftConv, { batch: 1, time: 1, inner: 1, taps: 1 }),
  callOf(fftConv, { batch: 2, time: 2, inner: 3, taps: 1 }, {}, ["D"]),
  callOf(fftConv, { batch: 2, time: 63, inner: 5, taps: 63 }),
  callOf(fftConv, { batch: 1, time: 5, inner: 3, taps: 100 }),
  callOf(fftConv, { batch: 1, time: 5, inner: 3, taps: 0 }),
  callOf(fftConv, { batch: 3, time: 257, inner: 65, taps: 4 }),
].map((call) => ({ ...call, name: call.op.name, at: JSON.stringify(call.sizes), rule: call.attributes?.rule ?? "" }));

/** One call of each op. */
const samples = calls.filter(({ name }, i) => calls.findLastIndex((other) => other.name === name) === i);

describe.each(wasmBackends())("linear time-invariant systems on $name", ({ run, device }) => {
  test.each([...goldenCases("discretize_diagonal"), ...goldenCases("s4d_kernel"), ...goldenCases("ssm_kernel_diag")])(
    "match $reference: $id",
    async (golden) => expectGolden(await device(), golden),
  );

  // both compute in 64 bits: only the rounding at the end, and where terms cancel, differ
  test.each(calls)("$name matches the reference at $at $rule", (call) => expectMatchesReference(run, call, 2e-7));

  test.each(samples)("$name has NaN where the reference has", (call) => expectNaNsOfReference(run, call));

  test.each([
    { ...callOf(ltiScan, { batch: 4, time: 9, inner: 3, state: 3 }), dim: "batch" },
    { ...callOf(fftConv, { batch: 4, time: 9, inner: 3, taps: 9 }), dim: "batch" },
    { ...callOf(s4dKernel, { inner: 4, state: 3, time: 9 }), dim: "inner" },
    { ...callOf(ssmKernelDiag, { inner: 4, state: 3, time: 9 }), dim: "inner" },
    { ...callOf(discretizeDiagonal, { inner: 4, state: 3, parts: 2 }), dim: "inner" },
  ])("$op.name gives one along $dim the same bits whatever others are beside it", ({ dim, ...call }) =>
    fc.assert(
      fc.asyncProperty(someOf(4), (chosen) => expectIndependent(run, call, dim, chosen)),
      tries,
    ),
  );

  test("a convolution of 2^15 steps is the recurrence", async () => {
    const sizes = { batch: 1, time: 2 ** 15, inner: 1, state: 8 };
    const { u, D, ...system } = randomInputs(
      ltiScan,
      { ...sizes, complex: 2 },
      {
        seed: 2,
        ranges: { A: [-1, -0.01], dt: [0.01, 0.01] },
        without: ["initialState"],
      },
    );
    const { y } = await run(ltiScan, sizes, { u, D, ...system });
    const { K } = await run(ssmKernelDiag, sizes, system, { time: sizes.time });
    const convolved = await run(fftConv, { ...sizes, taps: sizes.time }, { u, K, D });
    expectClose(convolved.y, y, { relative: 1e-6, label: "y" });
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

test.each(samples)("$name gives the same bits on any number of threads", (call) => expectSameBitsOnThreads(call));
