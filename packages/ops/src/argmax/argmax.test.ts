import { backends, randomInputs } from "@elapid/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { argmax, argmaxOp as op } from "./argmax.ts";
import { argmaxReference } from "./argmax.reference.ts";

const shapes = [
  { rows: 1, features: 1 },
  { rows: 3, features: 63 },
  { rows: 257, features: 5 },
  { rows: 2, features: 50_280 },
  { rows: 40, features: 2049 }, // enough for several threads
];

function expected(x: Float32Array, rows: number): number[] {
  const index = new Int32Array(rows);
  argmaxReference({ dims: { rows, features: x.length / rows }, inputs: { x }, outputs: { index }, attributes: {} });
  return [...index];
}

describe.each(backends())("argmax on $name", ({ device }) => {
  const places = async (x: Float32Array, rows: number) => {
    const there = await device();
    using given = there.tensor(x, [rows, x.length / rows]);
    using index = argmax(given);
    return [...(await index.data())];
  };

  test.each(shapes)("finds the largest of $features in $rows rows", async (sizes) => {
    const { x } = randomInputs(op, sizes, { seed: 3 });
    expect(await places(x, sizes.rows)).toEqual(expected(x, sizes.rows));
  });

  test("of equal numbers the first, and of zeros of both signs", async () => {
    const x = Float32Array.of(-1, 3, 3, 3, 1, 3, -2, -0, 0, -0, -1, -5, 0, 1, 2, 3, 4, 5);
    expect(await places(x, 3)).toEqual([1, 1, 5]);
  });

  test("says where there is no number, or none above -Infinity", async () => {
    const none = [-Infinity, -Infinity, -Infinity, -Infinity, -Infinity];
    const x = Float32Array.of(1, 9, NaN, Infinity, NaN, ...none, 1, -Infinity, 2, Infinity, 0);
    expect(await places(x, 3)).toEqual([-3, -6, 3]);
    const long = Float32Array.from({ length: 77 }, (_, i) => i);
    for (const at of [0, 7, 40, 71, 76]) expect(await places(long.with(at, NaN), 1)).toEqual([-1 - at]);
  });

  test("agrees with the reference on few different numbers", () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: -2, max: 2 }), { minLength: 1, maxLength: 70 }), async (numbers) => {
        const x = Float32Array.from(numbers);
        expect(await places(x, 1)).toEqual(expected(x, 1));
      }),
      { numRuns: 30 },
    ));
});
