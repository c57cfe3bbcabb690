import { backends, host, randomInputs } from "@elapid/testing";
import { concat, concatOp, sliceOp } from "@elapid/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

describe.each(backends())("copies on $name", ({ run, device }) => {
  test.each([
    { outer: 1, full: 1, inner: 1, start: 0, length: 1 },
    { outer: 3, full: 257, inner: 1, start: 63, length: 130 },
    { outer: 63, full: 7, inner: 5, start: 6, length: 1 },
    { outer: 2, full: 5, inner: 257, start: 1, length: 4 },
    { outer: 2, full: 5, inner: 3, start: 5, length: 0 },
    { outer: 70, full: 131, inner: 5, start: 3, length: 127 }, // enough for several threads
  ])("slice takes $length from $start of $full", async ({ start, length, ...sizes }) => {
    const inputs = randomInputs(sliceOp, sizes, { seed: 1, attributes: { start, length } });
    const attributes = { start, length };
    expect(await run(sliceOp, sizes, inputs, attributes)).toEqual(await host.run(sliceOp, sizes, inputs, attributes));
  });

  test.each([
    { outer: 1, first: 1, second: 1, inner: 1 },
    { outer: 63, first: 3, second: 1, inner: 5 },
    { outer: 2, first: 257, second: 63, inner: 3 },
    { outer: 70, first: 63, second: 64, inner: 5 },
    { outer: 5, first: 0, second: 3, inner: 7 },
    { outer: 5, first: 3, second: 0, inner: 7 },
  ])("concat joins $first and $second", async (sizes) => {
    const inputs = randomInputs(concatOp, sizes, { seed: 2 });
    expect(await run(concatOp, sizes, inputs)).toEqual(await host.run(concatOp, sizes, inputs));
  });

  test("parts cut along any axis join to the whole again, NaN and infinities included", async () => {
    const there = await device();
    const values = Float32Array.from({ length: 3 * 5 * 4 }, (_, i) => (i === 17 ? NaN : i === 18 ? -Infinity : i));
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 5 }), async (axis, at) => {
        using whole = there.tensor(values, [3, 5, 4]);
        const cut = Math.min(at, whole.shape[axis]);
        using head = whole.slice(axis, 0, cut);
        using tail = whole.slice(axis, cut, whole.shape[axis]);
        using joined = concat([head, tail], axis);
        expect(joined.shape).toEqual([3, 5, 4]);
        expect(await joined.data()).toEqual(values);
      }),
      { numRuns: 12 },
    );
  });
});
