import {
  backends,
  cutOf,
  expectClose,
  expectGolden,
  expectGradients,
  expectIndependent,
  expectMatchesReference,
  expectNaNsOfReference,
  expectSameBitsOnThreads,
  goldenCases,
  randomInputs,
  seeds,
  someOf,
  tries,
  type Call,
} from "@elapid/testing";
import { Device, HostBackend, type AnyOp } from "@elapid/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { complexLinearScanBackward } from "./complex-linear-scan.backward.ts";
import { complexLinearScan } from "./complex-linear-scan.ts";
import { linearScanBackward } from "./linear-scan.backward.ts";
import { linearScan } from "./linear-scan.ts";

const optional = ["initialState", "dh", "dfinalState"];
const complex = 2;
const small = { rows: 3, time: 19, complex };
const shapes = [
  { rows: 1, time: 1, complex },
  { rows: 257, time: 1, complex },
  { rows: 3, time: 63, complex },
  { rows: 5, time: 513, complex }, // one step over a tile
  { rows: 2, time: 1257, complex },
  { rows: 1, time: 2 ** 16 + 1, complex },
  { rows: 66, time: 257, complex }, // enough for several threads
];

const ops: { op: AnyOp; name: string }[] = [
  linearScan,
  linearScanBackward,
  complexLinearScan,
  complexLinearScanBackward,
].map((op) => ({ op, name: op.name }));
const forward = ops.filter(({ name }) => !name.endsWith(".backward"));

/** A call with random numbers; the product of complex factors up to 0.7 + 0.7i stays bounded. */
function random(op: AnyOp, sizes: Call["sizes"], seed: number, without: readonly string[] = [], reverse = false): Call {
  const reach = op.name.startsWith("complex") ? 0.7 : 1;
  const ranges = { a: [-reach, reach] } as const;
  return { op, sizes, inputs: randomInputs(op, sizes, { seed, ranges, without }), attributes: { reverse } };
}

/** The steps `from` to `to` of every row. */
function stepsOf(values: Float32Array, time: number, from: number, to: number): Float32Array {
  const inner = values.length / small.rows / time;
  const rows = Array.from({ length: small.rows }, (_, row) => [
    ...values.subarray((row * time + from) * inner, (row * time + to) * inner),
  ]);
  return Float32Array.from(rows.flat());
}

/** Rows with their steps in the opposite order. */
function turned(values: Float32Array, { rows, time }: typeof small): Float32Array {
  const inner = values.length / rows / time;
  return values.map((_, i) => {
    const [row, step, part] = [Math.floor(i / inner / time), Math.floor(i / inner) % time, i % inner];
    return values[(row * time + time - 1 - step) * inner + part];
  });
}

describe.each(backends())("linear scans on $name", ({ run, device, name: backend }) => {
  test.each(goldenCases("scan_linear"))("match $reference: $id", async (golden) =>
    expectGolden(await device(), golden),
  );

  describe.each(ops)("$name", ({ op }) => {
    describe.each(shapes)("at R$rows T$time", (sizes) => {
      test.each([false, true])("matches the reference with everything, reverse %s", (reverse) =>
        expectMatchesReference(run, random(op, sizes, 1, [], reverse)),
      );

      test("matches the reference with nothing optional", () =>
        expectMatchesReference(run, random(op, sizes, 2, optional)));
    });

    test.each(op.inputs.filter((port) => port.optional).map(({ name }) => name))(
      "matches the reference without %s",
      (left) => expectMatchesReference(run, random(op, small, 3, [left])),
    );

    test("computes a row with the same bits whatever others are beside it, in any order", () =>
      fc.assert(
        fc.asyncProperty(someOf(small.rows), (chosen) => expectIndependent(run, random(op, small, 4), "rows", chosen)),
        tries,
      ));

    test.each([false, true])("has NaN where the reference has it, reverse %s", (reverse) =>
      expectNaNsOfReference(run, random(op, { ...small, time: 600 }, 5, [], reverse)),
    );

    test("in reverse is the scan of the reversed rows", async () => {
      const { inputs } = random(op, small, 6);
      const isRows = (name: string) => op.inputs.some((port) => port.name === name && port.pattern.names[0] === "time");
      const mirrored = Object.fromEntries(
        Object.entries(inputs).map(([name, values]) => [name, isRows(name) ? turned(values, small) : values]),
      );
      const reversed = await run(op, small, inputs, { reverse: true });
      const plain = await run(op, small, mirrored);
      for (const { name, pattern } of op.outputs) {
        const expected = pattern.names[0] === "time" ? turned(plain[name], small) : plain[name];
        expect(reversed[name], name).toEqual(expected);
      }
    });
  });

  describe.each(forward)("$name", ({ op }) => {
    test("cut anywhere, the state carried over, equals the whole", () =>
      fc.assert(
        fc.asyncProperty(cutOf(small.time), async (cut) => {
          const { time } = small;
          const { inputs } = random(op, small, cut);
          const whole = await run(op, small, inputs);
          const part = (from: number, to: number, initialState: Float32Array) =>
            run(
              op,
              { ...small, time: to - from },
              { a: stepsOf(inputs.a, time, from, to), b: stepsOf(inputs.b, time, from, to), initialState },
            );
          const head = await part(0, cut, inputs.initialState);
          const tail = await part(cut, time, head.finalState);
          const close = { relative: 1e-6, label: "h" };
          expectClose(head.h, stepsOf(whole.h, time, 0, cut), close);
          expectClose(tail.h, stepsOf(whole.h, time, cut, time), close);
          expectClose(tail.finalState, whole.finalState, close);
          if (backend.startsWith("wasm")) expect(tail.finalState).toEqual(whole.finalState);
        }),
        tries,
      ));

    test("is causal: changing a and b from step k on leaves h before k unchanged", () =>
      fc.assert(
        fc.asyncProperty(fc.integer({ min: 0, max: small.time - 1 }), async (k) => {
          const { inputs } = random(op, small, k);
          const changed = (values: Float32Array) => {
            const inner = values.length / small.rows / small.time;
            return values.map((value, i) => (Math.floor(i / inner) % small.time < k ? value : value + 1));
          };
          const before = await run(op, small, inputs);
          const after = await run(op, small, { ...inputs, a: changed(inputs.a), b: changed(inputs.b) });
          expect(stepsOf(after.h, small.time, 0, k)).toEqual(stepsOf(before.h, small.time, 0, k));
        }),
        tries,
      ));

    test("is linear in b and the state together", () =>
      fc.assert(
        fc.asyncProperty(seeds, async (seed) => {
          const { inputs } = random(op, small, seed);
          const other = random(op, small, seed + 1).inputs;
          const sum = (name: "b" | "initialState") => inputs[name].map((value, i) => value + other[name][i]);
          const one = await run(op, small, inputs);
          const two = await run(op, small, { ...other, a: inputs.a });
          const both = await run(op, small, { a: inputs.a, b: sum("b"), initialState: sum("initialState") });
          const expected = one.h.map((value, i) => value + two.h[i]);
          expectClose(both.h, expected, { relative: 1e-5, label: "h" });
        }),
        tries,
      ));

    test("with no steps hands the state on as it is", async () => {
      const sizes = { ...small, time: 0 };
      const { inputs } = random(op, sizes, 7);
      const { h, finalState } = await run(op, sizes, inputs);
      expect(h).toEqual(new Float32Array());
      expect(finalState).toEqual(inputs.initialState);
    });
  });
});

test.each(ops)("$name has the same bits on any number of threads", ({ op }) =>
  expectSameBitsOnThreads(random(op, { rows: 67, time: 257, complex }, 8)),
);

describe.each(forward)("the gradient of $name", ({ op }) => {
  test.each([false, true])("agrees with differences, reverse %s", (reverse) =>
    expectGradients(random(op, { rows: 2, time: 7, complex }, 9, [], reverse)),
  );

  test("agrees with differences without a state", () =>
    expectGradients(random(op, { rows: 2, time: 7, complex }, 10, ["initialState"])));
});

test("takes any number of dimensions before time", async () => {
  using device = new Device(new HostBackend());
  const { h, finalState } = linearScan({ a: device.full([2, 3, 4], 0.5), b: device.full([2, 3, 4], 1) });
  expect(h.shape).toEqual([2, 3, 4]);
  expect(finalState.shape).toEqual([2, 3]);
  expect((await h.data()).subarray(20)).toEqual(Float32Array.of(1, 1.5, 1.75, 1.875));
});

test("names what does not fit", () => {
  using device = new Device(new HostBackend());
  const a = device.zeros([3, 5]);
  expect(() => linearScan({ a, b: device.zeros([3, 4]) })).toThrow(
    new TypeError('Cannot run "linear-scan": "time" is 5 in a but 4 in b'),
  );
  expect(() => linearScan({ a, b: a, initialState: device.zeros([2]) })).toThrow(
    new TypeError('Cannot run "linear-scan": "rows" is 3 in a but 2 in initialState'),
  );
  expect(() => complexLinearScan({ a, b: a })).toThrow(
    new TypeError('Cannot run "complex-linear-scan": "complex" is 5 in a but must be 2'),
  );
});
