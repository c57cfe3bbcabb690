import {
  backends,
  expectClose,
  expectGolden,
  expectIndependent,
  expectMatchesReference,
  goldenCases,
  randomInputs,
  someOf,
  tries,
} from "@elapid/testing";
import { Device, HostBackend } from "@elapid/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { layerNorm, layerNormOp as op } from "./layer-norm.ts";

const shapes = [
  { rows: 1, features: 1 },
  { rows: 1, features: 768 },
  { rows: 63, features: 257 },
  { rows: 257, features: 63 },
  { rows: 130, features: 257 }, // enough for several threads
];
const small = { rows: 7, features: 70 };

describe.each(backends())("layerNorm on $name", ({ run, device }) => {
  test.each(goldenCases("layer_norm"))("matches $reference: $id", async (golden) =>
    expectGolden(await device(), golden),
  );

  test.each(shapes)("matches the reference at $rows x $features", (sizes) =>
    expectMatchesReference(run, { op, sizes, inputs: randomInputs(op, sizes, { seed: 1 }) }),
  );

  test("matches the reference without a bias, with another eps", () =>
    expectMatchesReference(run, {
      op,
      sizes: small,
      inputs: randomInputs(op, small, { seed: 2, without: ["bias"] }),
      attributes: { eps: 0.5 },
    }));

  test("gives nothing for no rows", async () => {
    const sizes = { rows: 0, features: 3 };
    expect((await run(op, sizes, randomInputs(op, sizes, { seed: 1 }))).y).toEqual(new Float32Array());
  });

  test("does not lose a small spread around a large mean", async () => {
    const inputs = randomInputs(op, small, { seed: 3, ranges: { x: [999, 1001] } });
    await expectMatchesReference(run, { op, sizes: small, inputs }, 3e-4);
  });

  test("does not depend on what is added to a whole row", async () => {
    const inputs = randomInputs(op, small, { seed: 4 });
    const { y } = await run(op, small, inputs);
    const shifted = await run(op, small, { ...inputs, x: inputs.x.map((value) => value + 8) });
    expectClose(shifted.y, y, { relative: 1e-5, label: "y" });
  });

  test("computes a row with the same bits whatever rows are beside it", () =>
    fc.assert(
      fc.asyncProperty(someOf(small.rows), (rows) =>
        expectIndependent(run, { op, sizes: small, inputs: randomInputs(op, small, { seed: 5 }) }, "rows", rows),
      ),
      tries,
    ));

  test("keeps a NaN in its row", async () => {
    const inputs = randomInputs(op, small, { seed: 6 });
    inputs.x[3 * small.features] = NaN;
    const { y } = await run(op, small, inputs);
    const rows = Array.from({ length: small.rows }, (_, r) => y.subarray(r * 70, (r + 1) * 70));
    expect(rows.map((row) => row.every(Number.isNaN))).toEqual(rows.map((_, r) => r === 3));
    expect(rows.map((row) => row.some(Number.isNaN))).toEqual(rows.map((_, r) => r === 3));
  });
});

test("names the inputs that disagree", () => {
  const device = new Device(new HostBackend());
  expect(() => layerNorm(device.zeros([2, 3]), device.zeros([3]), device.zeros([4]))).toThrow(
    new TypeError('Cannot run "layer-norm": "features" is 3 in x but 4 in bias'),
  );
});
