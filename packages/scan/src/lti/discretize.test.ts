import { expectClose, expectGolden, expectGradients, goldenCases, host, randomInputs } from "@elapid/testing";
import { Device, HostBackend } from "@elapid/tensor";
import { describe, expect, test } from "vitest";
import { discretizeDense } from "./discretize-dense.ts";
import { discretizeDiagonal as op } from "./discretize-diagonal.ts";
import { hippo } from "./hippo.ts";
import type { Rule } from "./rules.ts";

const rules: readonly Rule[] = ["zoh", "bilinear", "euler", "backward-euler"];
const ranges = { A: [-3, 3], dt: [0.1, 0.8] } as const;

test.each([...goldenCases("discretize_dense"), ...goldenCases("discretize_diagonal")])(
  "matches $reference: $id",
  (golden) => expectGolden(new Device(new HostBackend(), { strict: true }), golden),
);

describe.each(rules)("%s", (rule) => {
  test.each([
    { inner: 1, state: 1 },
    { inner: 3, state: 63 },
    { inner: 257, state: 2 },
  ])("of $inner channels of $state modes is that of each as a real system of two states", async (sizes) => {
    const all = { ...sizes, parts: 2 };
    const inputs = randomInputs(op, all, { seed: 1, ranges });
    const { ABar, BBar } = await host.run(op, all, inputs, { rule });
    for (let i = 0; i < sizes.inner * sizes.state; i++) {
      const [re, im] = inputs.A.subarray(2 * i);
      const system = {
        A: Float64Array.of(re, -im, im, re),
        B: Float64Array.from(inputs.B.subarray(2 * i, 2 * i + 2)),
        n: 2,
      };
      const { A, B } = discretizeDense(system, inputs.dt[Math.floor(i / sizes.state)], rule);
      expectClose(ABar.subarray(2 * i, 2 * i + 2), [A[0], A[2]], { relative: 1e-6, label: `ABar ${i}` });
      expectClose(BBar.subarray(2 * i, 2 * i + 2), B, { relative: 1e-6, label: `BBar ${i}` });
    }
  });

  test.each([1, 2])("gradients agree with finite differences, %i parts", async (parts) => {
    const sizes = { inner: 2, state: 3, parts };
    const inputs = randomInputs(op, sizes, { seed: 2, ranges: { A: [-2, -0.2], dt: [0.1, 0.8] } });
    await expectGradients({ op, sizes, inputs, attributes: { rule } });
  });

  test("is the identity and dt B as dt goes to 0, with A 0 or not, digit by digit", async () => {
    const sizes = { inner: 2, state: 2, parts: 1 };
    const dt = Float32Array.of(1e-6, 1e-4);
    const inputs = { A: Float32Array.of(0, -1, 0, -1), B: Float32Array.of(1, 1, 1, 1), dt };
    const { ABar, BBar } = await host.run(op, sizes, inputs, { rule });
    expectClose(ABar, [1, 1 - 1e-6, 1, 1 - 1e-4], { relative: 1e-6, absolute: 0, label: "ABar" });
    expectClose(BBar.subarray(0, 2), [1e-6, 1e-6], { relative: 2e-6, absolute: 0, label: "BBar" });
    expect(BBar[2]).toBe(dt[1]);
  });
});

test("the hold and its gradient have no seam where the series takes over, at |dt A| = 1/2", async () => {
  const sizes = { inner: 1, state: 2, parts: 1 };
  const inputs = { A: Float32Array.of(-0.49999997, -0.50000003), B: Float32Array.of(1, 1), dt: Float32Array.of(1) };
  const { BBar } = await host.run(op, sizes, inputs);
  expect(BBar[0]).toBeCloseTo(-Math.expm1(-0.5) / 0.5, 6);
  expect(BBar[0] - BBar[1]).toBeGreaterThanOrEqual(0);
  expect(BBar[0] - BBar[1]).toBeLessThan(1e-7);
});

test("a stiff mode is finite: held it forgets at once, and so it does with the backward rule", async () => {
  const sizes = { inner: 2, state: 1, parts: 2 };
  const inputs = {
    A: Float32Array.of(-1e4, 1e4, -1e4, 0),
    B: Float32Array.of(1, 0, 1, 0),
    dt: Float32Array.of(50, 1e-6),
  };
  for (const rule of rules) {
    const { ABar, BBar } = await host.run(op, sizes, inputs, { rule });
    expect([...ABar, ...BBar].every(Number.isFinite)).toBe(true);
    if (rule === "zoh") expect(Math.hypot(ABar[0], ABar[1])).toBe(0);
    if (rule === "backward-euler") expect(Math.hypot(ABar[0], ABar[1])).toBeLessThan(2e-6);
  }
});

test("two dense steps of zoh are one of twice the length", () => {
  const system = hippo("legt", 16);
  const { n } = system;
  const once = discretizeDense(system, 0.02, "zoh");
  const twice = discretizeDense(system, 0.04, "zoh");
  const squared = once.A.map((_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    return once.B.reduce((sum, _value, k) => sum + once.A[i * n + k] * once.A[k * n + j], 0);
  });
  expectClose(squared, twice.A, { relative: 1e-12, label: "A" });
});

test("of a large and far from normal matrix, bilinear keeps every mode of legs stable", () => {
  // triangular in, triangular out: the diagonal holds the eigenvalues
  const { A, n } = discretizeDense(hippo("legs", 64), 0.1, "bilinear");
  for (let i = 0; i < n; i++) expect(A[i * (n + 1)]).toBeCloseTo((1 - 0.05 * (i + 1)) / (1 + 0.05 * (i + 1)), 10);
});

test("names what does not fit", () => {
  const device = new Device(new HostBackend());
  const A = device.zeros([2, 3, 2]);
  expect(() => op({ A, B: A, dt: device.zeros([3]) })).toThrow(
    new TypeError('Cannot run "discretize-diagonal": "inner" is 2 in A but 3 in dt'),
  );
  const wide = device.zeros([2, 3, 4]);
  expect(() => op({ A: wide, B: wide, dt: device.zeros([2]) })).toThrow(
    new TypeError('Cannot run "discretize-diagonal": "parts" is 4 in A but 1 (real) or 2 (complex) was needed'),
  );
  expect(() => op({ A, B: A, dt: device.zeros([2]) }, { rule: "tustin" })).toThrow(
    new RangeError(
      'Cannot run "discretize-diagonal": rule is "tustin" but one of "zoh", "euler", "bilinear", "backward-euler" was needed',
    ),
  );
  expect(() => discretizeDense({ A: Float64Array.of(2), B: Float64Array.of(1), n: 1 }, 0.5, "backward-euler")).toThrow(
    new RangeError("Cannot discretise: dt is the inverse of an eigenvalue of A"),
  );
});
