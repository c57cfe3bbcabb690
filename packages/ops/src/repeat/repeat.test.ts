import { backends, expectGradients, expectMatchesReference, host, randomInputs } from "@elapid/testing";
import { Device, HostBackend, repeat, repeatOp, sumAxis, sumAxisOp } from "@elapid/tensor";
import { describe, expect, test } from "vitest";

describe.each(backends())("repeat and sum-axis on $name", ({ run, device }) => {
  test.each([
    { outer: 1, count: 1, inner: 1 },
    { outer: 63, count: 16, inner: 1 },
    { outer: 2, count: 3, inner: 257 },
    { outer: 257, count: 0, inner: 3 },
    { outer: 70, count: 63, inner: 5 },
  ])("repeat: $outer x $inner, $count times", async ({ count, ...sizes }) => {
    const inputs = randomInputs(repeatOp, sizes, { seed: 1, attributes: { times: count } });
    expect(await run(repeatOp, sizes, inputs, { times: count })).toEqual(
      await host.run(repeatOp, sizes, inputs, { times: count }),
    );
  });

  test.each([
    { outer: 1, length: 1, inner: 1 },
    { outer: 63, length: 16, inner: 1 },
    { outer: 2, length: 257, inner: 63 },
    { outer: 3, length: 0, inner: 5 },
    { outer: 70, length: 63, inner: 5 },
  ])("sum-axis: $outer x $length x $inner", async (sizes) => {
    const inputs = randomInputs(sumAxisOp, sizes, { seed: 2 });
    await expectMatchesReference(run, { op: sumAxisOp, sizes, inputs });
  });

  test("what was repeated sums to a multiple along every axis; NaN stays where it was", async () => {
    const there = await device();
    const values = Float32Array.from({ length: 24 }, (_, i) => (i === 7 ? NaN : i - 11));
    using x = there.tensor(values, [2, 3, 4]);
    for (const axis of [0, 1, 2, 3]) {
      using many = repeat(x, axis, 5);
      expect(many.shape).toEqual([2, 3, 4].toSpliced(axis, 0, 5));
      using sum = sumAxis(many, axis);
      expect(await sum.data()).toEqual(values.map((value) => 5 * value));
    }
  });
});

test("gradients agree with finite differences", async () => {
  const attributes = { times: 5 };
  const sizes = { outer: 3, inner: 4 };
  const inputs = randomInputs(repeatOp, sizes, { seed: 3, attributes });
  await expectGradients({ op: repeatOp, sizes, inputs, attributes });
  const summed = { outer: 3, length: 5, inner: 4 };
  await expectGradients({ op: sumAxisOp, sizes: summed, inputs: randomInputs(sumAxisOp, summed, { seed: 4 }) });
});

test("misuse names the axis", () => {
  using device = new Device(new HostBackend());
  const x = device.tensor([1, 2], [2]);
  expect(() => repeat(x, 2, 3)).toThrow("Cannot repeat: axis 2 was given, 0 to 1 was needed");
  expect(() => repeat(x, 0, 1.5)).toThrow("Cannot repeat: count is 1.5, a whole number was needed");
  expect(() => sumAxis(x, 1)).toThrow("Cannot sum: axis 1 was given, 0 to 0 was needed");
});
