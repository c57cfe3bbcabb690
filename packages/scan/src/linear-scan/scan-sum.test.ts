import {
  backends,
  expectGolden,
  expectGradients,
  expectIndependent,
  expectMatchesReference,
  expectNaNsOfReference,
  expectSameBitsOnThreads,
  goldenCases,
  host,
  randomInputs,
  someOf,
  tries,
  type Call,
} from "@elapid/testing";
import { Device, HostBackend, type AnyOp } from "@elapid/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { scanMaxBackward } from "./scan-max.backward.ts";
import { scanMax, scanMaxOp } from "./scan-max.ts";
import { scanSum, scanSumOp } from "./scan-sum.ts";

const small = { rows: 3, time: 19 };
const shapes = [
  { rows: 1, time: 1 },
  { rows: 257, time: 1 },
  { rows: 3, time: 63 },
  { rows: 5, time: 513 }, // one step over a tile
  { rows: 2, time: 1257 },
  { rows: 66, time: 257 }, // enough for several threads
];
const ops: { op: AnyOp; name: string }[] = [scanSumOp, scanMaxOp, scanMaxBackward].map((op) => ({ op, name: op.name }));
const running = ops.slice(0, 2);

/** A call with random whole numbers, of which many are equal; the y of a gradient is the running maximum of its x. */
async function random(op: AnyOp, sizes: typeof small, seed: number, reverse = false): Promise<Call> {
  const inputs = randomInputs(op, sizes, { seed, ranges: { x: [-9, 9] } });
  inputs.x = inputs.x.map(Math.round);
  if ("y" in inputs) inputs.y = (await host.run(scanMaxOp, sizes, { x: inputs.x }, { reverse })).y;
  return { op, sizes, inputs, attributes: { reverse } };
}

describe.each(backends())("running sum and maximum on $name", ({ run, device }) => {
  test.each([...goldenCases("scan_sum"), ...goldenCases("scan_max")])("match $reference: $id", async (golden) =>
    expectGolden(await device(), golden),
  );

  describe.each(ops)("$name", ({ op }) => {
    test.each(shapes.flatMap((sizes) => [false, true].map((reverse) => ({ ...sizes, reverse }))))(
      "matches the reference at R$rows T$time, reverse $reverse",
      async ({ reverse, ...sizes }) => expectMatchesReference(run, await random(op, sizes, 1, reverse)),
    );

    test("computes a row with the same bits whatever others are beside it, in any order", () =>
      fc.assert(
        fc.asyncProperty(someOf(small.rows), async (chosen) =>
          expectIndependent(run, await random(op, small, 2), "rows", chosen),
        ),
        tries,
      ));

    test.each([false, true])("has NaN where the reference has it, reverse %s", async (reverse) =>
      expectNaNsOfReference(run, await random(op, { rows: 3, time: 600 }, 3, reverse)),
    );

    test("of no steps is nothing", async () => {
      const { inputs } = await random(op, { ...small, time: 0 }, 4);
      for (const output of Object.values(await run(op, { ...small, time: 0 }, inputs))) {
        expect(output).toEqual(new Float32Array());
      }
    });
  });

  describe.each(running)("$name", ({ op }) => {
    test("in reverse is the scan of the reversed row", async () => {
      const sizes = { rows: 1, time: 777 };
      const { inputs } = await random(op, sizes, 5);
      const { y } = await run(op, sizes, inputs, { reverse: true });
      const plain = await run(op, sizes, { x: inputs.x.toReversed() });
      expect(y).toEqual(plain.y.toReversed());
    });

    test("is causal: changing x from step k on leaves y before k unchanged", () =>
      fc.assert(
        fc.asyncProperty(fc.integer({ min: 0, max: 18 }), async (k) => {
          const sizes = { rows: 1, time: 19 };
          const { inputs } = await random(op, sizes, k);
          const before = await run(op, sizes, inputs);
          const after = await run(op, sizes, { x: inputs.x.map((value, i) => (i < k ? value : value + 1)) });
          expect(after.y.slice(0, k)).toEqual(before.y.slice(0, k));
        }),
        tries,
      ));
  });

  test("a sum of a long row of positive numbers keeps its digits", async () => {
    const sizes = { rows: 1, time: 2 ** 17 };
    const inputs = randomInputs(scanSumOp, sizes, { seed: 8, ranges: { x: [0, 1] } });
    await expectMatchesReference(run, { op: scanSumOp, sizes, inputs }, 1e-6);
  });

  test("the maximum of a row that begins with -Infinity is -Infinity until something greater comes", async () => {
    const { y } = await run(scanMaxOp, { rows: 1, time: 3 }, { x: Float32Array.of(-Infinity, -Infinity, -3e38) });
    expect(y).toEqual(Float32Array.of(-Infinity, -Infinity, -3e38));
  });

  test("the gradient of a maximum goes to the latest of equal elements", async () => {
    const [sizes, x] = [{ rows: 1, time: 5 }, Float32Array.of(1, 2, 2, 0, 3)];
    const dy = Float32Array.of(1, 10, 100, 1000, 10000);
    const forward = await run(scanMaxBackward, sizes, { x, y: Float32Array.of(1, 2, 2, 2, 3), dy });
    expect(forward.dx).toEqual(Float32Array.of(1, 10, 1100, 0, 10000));
    const reverse = await run(scanMaxBackward, sizes, { x, y: Float32Array.of(3, 3, 3, 3, 3), dy }, { reverse: true });
    expect(reverse.dx).toEqual(Float32Array.of(0, 0, 0, 0, 11111));
  });
});

test.each(ops)("$name has the same bits on any number of threads", async ({ op }) =>
  expectSameBitsOnThreads(await random(op, { rows: 67, time: 257 }, 6)),
);

test.each([false, true])("gradients agree with differences, reverse %s", async (reverse) => {
  const sizes = { rows: 2, time: 9 };
  for (const { op } of running) {
    await expectGradients({ op, sizes, inputs: randomInputs(op, sizes, { seed: 7 }), attributes: { reverse } });
  }
});

test("take any number of dimensions before time", async () => {
  using device = new Device(new HostBackend());
  const x = device.tensor(Float32Array.of(1, 3, 2, 5, 4, 6, 0, 1), [2, 2, 2]);
  expect(await scanSum(x).data()).toEqual(Float32Array.of(1, 4, 2, 7, 4, 10, 0, 1));
  expect(await scanMax(x, { reverse: true }).data()).toEqual(Float32Array.of(3, 3, 5, 5, 6, 6, 1, 1));
  expect(() => scanSum(device.full([], 1))).toThrow(
    new TypeError('Cannot run "scan-sum": x has shape [] but "... time" was needed'),
  );
});
