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
import { addRmsNorm, addRmsNormOp, rmsNorm, rmsNormOp } from "./rms-norm.ts";

const shapes = [
  { rows: 1, features: 1 },
  { rows: 1, features: 768 },
  { rows: 63, features: 257 },
  { rows: 257, features: 63 },
  { rows: 130, features: 257 }, // enough for several threads
];
const small = { rows: 7, features: 70 };

describe.each(backends())("rmsNorm and addRmsNorm on $name", ({ run, device }) => {
  test.each(goldenCases("rms_norm"))("match $reference: $id", async (golden) => expectGolden(await device(), golden));

  describe.each([rmsNormOp, addRmsNormOp].map((op) => ({ name: op.name, op })))("$name", ({ op }) => {
    test.each(shapes)("matches the reference at $rows x $features", (sizes) =>
      expectMatchesReference(run, { op, sizes, inputs: randomInputs(op, sizes, { seed: 1 }) }),
    );

    test("takes eps", async () => {
      const inputs = randomInputs(op, small, { seed: 2 });
      await expectMatchesReference(run, { op, sizes: small, inputs, attributes: { eps: 0.5 } });
    });

    test("gives nothing for no rows", async () => {
      const sizes = { rows: 0, features: 3 };
      expect((await run(op, sizes, randomInputs(op, sizes, { seed: 1 }))).y).toEqual(new Float32Array());
    });

    test("computes a row with the same bits whatever rows are beside it", () =>
      fc.assert(
        fc.asyncProperty(someOf(small.rows), (rows) =>
          expectIndependent(run, { op, sizes: small, inputs: randomInputs(op, small, { seed: 3 }) }, "rows", rows),
        ),
        tries,
      ));

    test("keeps a NaN in its row", async () => {
      const inputs = randomInputs(op, small, { seed: 4 });
      inputs.x[small.features + 69] = NaN;
      const { y } = await run(op, small, inputs);
      expect(
        Array.from({ length: small.rows }, (_, r) => y.subarray(r * 70, (r + 1) * 70).every(Number.isNaN)),
      ).toEqual(Array.from({ length: small.rows }, (_, r) => r === 1));
    });
  });

  test("does not depend on the scale of x when eps is 0", async () => {
    const { x, weight } = randomInputs(rmsNormOp, small, { seed: 5 });
    const { y } = await run(rmsNormOp, small, { x, weight }, { eps: 0 });
    const scaled = await run(rmsNormOp, small, { x: x.map((value) => value * 64), weight }, { eps: 0 });
    expectClose(scaled.y, y, { relative: 1e-6, label: "y" });
  });

  test("hands on exactly the sum that it normalises", async () => {
    const inputs = randomInputs(addRmsNormOp, small, { seed: 6 });
    const { y, sum } = await run(addRmsNormOp, small, inputs);
    expect(sum).toEqual(inputs.x.map((value, i) => value + inputs.residual[i]));
    const alone = await run(rmsNormOp, small, { x: sum, weight: inputs.weight });
    expectClose(y, alone.y, { relative: 1e-6, label: "y" });
  });
});

test("names the inputs that disagree", () => {
  const device = new Device(new HostBackend());
  expect(() => rmsNorm(device.zeros([2, 3]), device.zeros([4]))).toThrow(
    new TypeError('Cannot run "rms-norm": "features" is 3 in x but 4 in weight'),
  );
  expect(() => addRmsNorm(device.zeros([2, 3]), device.zeros([1, 3]), device.zeros([3]))).toThrow(
    new TypeError('Cannot run "add-rms-norm": "rows" is 2 in x but 1 in residual'),
  );
});
