import { expectClose, expectGolden, goldenCases } from "@elapid/testing";
import { Device, HostBackend } from "@elapid/tensor";
import { describe, expect, test } from "vitest";
import { discretizeDense } from "./discretize-dense.ts";
import { hippo, hippoCorrection, type Measure } from "./hippo.ts";
import { hippoNplr } from "./nplr.ts";
import { s4dInit, type S4dInit } from "./s4d-init.ts";

const device = new Device(new HostBackend());
const measures: readonly Measure[] = ["legs", "legt", "lagt", "fourier", "legs-diagonal", "fourier-diagonal"];

test.each([...goldenCases("hippo_transition"), ...goldenCases("hippo_nplr"), ...goldenCases("s4d_init")])(
  "matches $reference: $id",
  (golden) => expectGolden(device, golden),
);

describe.each(measures)("%s", (measure) => {
  test.each([2, 8, 64])("of %i states is 2 Re(V diag(w) V*) - P^T P", (n) => {
    const { A } = hippo(measure, n);
    const { w, V, rank } = hippoNplr(measure, n);
    const half = n / 2;
    const rows = hippoCorrection(measure, n);
    const again = A.map((_, at) => {
      const [i, j] = [Math.floor(at / n), at % n];
      let sum = -rows.reduce((total, row) => total + row[i] * row[j], 0);
      for (let k = 0; k < half; k++) {
        const [a, b] = [V[(i * half + k) * 2], V[(i * half + k) * 2 + 1]];
        const [c, d] = [V[(j * half + k) * 2], V[(j * half + k) * 2 + 1]];
        // (a + ib) conj(c + id) is (ac + bd) + i (bc - ad)
        sum += 2 * (w[2 * k] * (a * c + b * d) - w[2 * k + 1] * (b * c - a * d));
      }
      return sum;
    });
    expectClose(again, A, { relative: 1e-12, label: "A" });
    expect(rows).toHaveLength(rank);
  });

  test("keeps modes that do not grow, with frequencies in order", () => {
    const { w } = hippoNplr(measure, 16);
    const [re, im] = [0, 1].map((part) => w.filter((_, at) => at % 2 === part));
    expect(Math.max(...re)).toBeLessThanOrEqual(0);
    expect(Math.max(...im)).toBeLessThanOrEqual(1e-12);
    expect(im).toEqual(im.toSorted());
  });
});

test("the state of legs holds the Legendre coefficients of the past", () => {
  // HiPPO-LegS is x' = A x / t + B u / t; for u(t) = t the past is its mean t/2 and a slope of sqrt(3) t/6
  const { A, B, n } = hippo("legs", 8);
  let x = new Float64Array(n);
  const steps = 4000;
  for (let t = 1; t <= steps; t++) {
    const { A: ABar, B: BBar } = discretizeDense({ A, B, n }, 1 / t, "bilinear");
    x = x.map((_, i) => x.reduce((sum, value, j) => sum + ABar[i * n + j] * value, BBar[i] * (t / steps)));
  }
  expectClose(x, [1 / 2, Math.sqrt(3) / 6, 0, 0, 0, 0, 0, 0], { relative: 2e-3, label: "coefficients" });
});

test("says what is wrong with a measure, an init or a size", () => {
  expect(() => hippo("legz" as Measure, 4)).toThrow(
    new RangeError(
      'Cannot make a HiPPO matrix: measure is "legz" but one of "legs", "legt", "lagt", "fourier", "legs-diagonal", "fourier-diagonal" was needed',
    ),
  );
  expect(() => hippo("legs", 0)).toThrow("n is 0 but a positive whole number was needed");
  expect(() => hippo("fourier", 5)).toThrow("n is 5 but a Fourier basis has sines and cosines, an even number");
  expect(() => hippoNplr("legs", 5)).toThrow("n is 5 but an even number was needed");
  expect(() => s4dInit("lin", 3)).toThrow("n is 3 but a positive even number was needed");
  expect(() => s4dInit("toString" as S4dInit, 4)).toThrow(RangeError);
});
