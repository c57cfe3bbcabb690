import {
  backends,
  expectClose,
  expectIndependent,
  expectMatchesReference,
  randomInputs,
  seeds,
  someOf,
  tries,
} from "@elapid/testing";
import { Device, HostBackend } from "@elapid/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { matmul, matmulOp as op } from "./matmul.ts";

const shapes = [
  { rows: 1, in: 1, out: 1 },
  { rows: 1, in: 63, out: 257 }, // one row: decoding
  { rows: 1, in: 1, out: 130 },
  { rows: 3, in: 63, out: 5 },
  { rows: 257, in: 63, out: 65 }, // no size is a multiple of a tile or a vector
  { rows: 65, in: 257, out: 17 },
  { rows: 64, in: 64, out: 64 },
];
const small = { rows: 7, in: 33, out: 19 };

describe.each(backends())("matmul on $name", ({ run }) => {
  test.each(shapes)("matches the reference at $rows x $in x $out", (sizes) =>
    expectMatchesReference(run, { op, sizes, inputs: randomInputs(op, sizes, { seed: 1 }) }),
  );

  test.each(shapes)("matches the reference without a bias at $rows x $in x $out", (sizes) =>
    expectMatchesReference(run, { op, sizes, inputs: randomInputs(op, sizes, { seed: 2, without: ["bias"] }) }),
  );

  test("gives nothing for no rows, and the bias where there is nothing to sum", async () => {
    const none = { rows: 0, in: 5, out: 3 };
    expect((await run(op, none, randomInputs(op, none, { seed: 1 }))).y).toEqual(new Float32Array());
    const empty = { rows: 2, in: 0, out: 3 };
    const inputs = randomInputs(op, empty, { seed: 1 });
    expect((await run(op, empty, inputs)).y).toEqual(Float32Array.of(...inputs.bias, ...inputs.bias));
  });

  test("gives x back, bit for bit, when multiplied by the identity", async () => {
    const sizes = { rows: 5, in: 37, out: 37 };
    const { x } = randomInputs(op, sizes, { seed: 3 });
    const weight = Float32Array.from({ length: 37 * 37 }, (_, i) => (i % 38 === 0 ? 1 : 0));
    expect((await run(op, sizes, { x, weight })).y).toEqual(x);
  });

  test("is linear in x", () =>
    fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const { x, weight } = randomInputs(op, small, { seed });
        const { x: other } = randomInputs(op, small, { seed: seed + 1 });
        const [a, b, sum] = await Promise.all(
          [x, other, x.map((value, i) => value + other[i])].map((x) => run(op, small, { x, weight })),
        );
        expectClose(
          sum.y,
          a.y.map((value, i) => value + b.y[i]),
          { relative: 1e-5, label: "y" },
        );
      }),
      tries,
    ));

  test("computes a row with the same bits whatever rows are beside it", () =>
    fc.assert(
      fc.asyncProperty(someOf(small.rows), (rows) =>
        expectIndependent(run, { op, sizes: small, inputs: randomInputs(op, small, { seed: 4 }) }, "rows", rows),
      ),
      tries,
    ));

  test("gives the same bits twice, and one row of many as one row alone", async () => {
    const sizes = { rows: 70, in: 130, out: 67 };
    const inputs = randomInputs(op, sizes, { seed: 5 });
    expect(await run(op, sizes, inputs)).toEqual(await run(op, sizes, inputs));
    for (const row of [0, 33, 69]) await expectIndependent(run, { op, sizes, inputs }, "rows", [row]);
  });

  test("keeps a NaN in its row", async () => {
    const inputs = randomInputs(op, small, { seed: 6 });
    const clean = await run(op, small, inputs);
    inputs.x[2 * small.in + 32] = NaN;
    const { y } = await run(op, small, inputs);
    const [from, to] = [2 * small.out, 3 * small.out];
    expect(y.subarray(from, to).every(Number.isNaN)).toBe(true);
    expect(y.subarray(0, from)).toEqual(clean.y.subarray(0, from));
    expect(y.subarray(to)).toEqual(clean.y.subarray(to));
  });
});

test("names the inputs whose inner sizes disagree", () => {
  const device = new Device(new HostBackend());
  expect(() => matmul(device.zeros([2, 3]), device.zeros([5, 4]))).toThrow(
    new TypeError('Cannot run "matmul": "in" is 3 in x but 4 in weight'),
  );
  expect(() => matmul(device.zeros([2, 3]), device.zeros([3]))).toThrow(
    new TypeError('Cannot run "matmul": weight has shape [3] but "out in" was needed'),
  );
});
