import {
  backends,
  cutOf,
  expectClose,
  expectGolden,
  expectGradients,
  expectIndependent,
  expectMatchesReference,
  expectNaNsOfReference,
  expectPermutes,
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
const small = { outer: 3, time: 19, inner: 2, complex };
const shapes = [
  { outer: 1, time: 1, inner: 1, complex },
  { outer: 257, time: 1, inner: 1, complex },
  { outer: 3, time: 63, inner: 1, complex },
  { outer: 2, time: 257, inner: 5, complex },
  { outer: 5, time: 513, inner: 1, complex }, // one step over a tile
  { outer: 1, time: 2 ** 16 + 1, inner: 1, complex },
  { outer: 66, time: 257, inner: 1, complex }, // enough for several threads
];

const ops: { op: AnyOp; name: string }[] = [
  linearScan.op,
  linearScanBackward,
  complexLinearScan.op,
  complexLinearScanBackward,
].map((op) => ({ op, name: op.name }));
interface RandomCall {
  readonly without?: readonly string[];
  readonly reverse?: boolean;
  readonly exclusive?: boolean;
}

const ways = [false, true].flatMap((reverse) => [false, true].map((exclusive) => ({ reverse, exclusive })));
const forward = ops.filter(({ name }) => !name.endsWith(".backward"));

/** A call with random numbers; the product of complex factors up to 0.7 + 0.7i stays bounded. */
function random(op: AnyOp, sizes: Call["sizes"], seed: number, options: RandomCall = {}): Call {
  const { without, reverse = false, exclusive = false } = options;
  const reach = op.name.startsWith("complex") ? 0.7 : 1;
  const ranges = { a: [-reach, reach] } as const;
  return { op, sizes, inputs: randomInputs(op, sizes, { seed, ranges, without }), attributes: { reverse, exclusive } };
}

/** The steps `from` to `to` of every row. */
function stepsOf(values: Float32Array, time: number, from: number, to: number): Float32Array {
  const step = values.length / small.outer / time;
  const parts = Array.from({ length: small.outer }, (_, i) => [
    ...values.subarray((i * time + from) * step, (i * time + to) * step),
  ]);
  return Float32Array.from(parts.flat());
}

/** Rows with their steps in the opposite order. */
function turned(values: Float32Array): Float32Array {
  const { outer, time } = small;
  const size = values.length / outer / time;
  return values.map((_, i) => {
    const [index, step, part] = [Math.floor(i / size / time), Math.floor(i / size) % time, i % size];
    return values[(index * time + time - 1 - step) * size + part];
  });
}

describe.each(backends())("linear scans on $name", ({ run, device, name: backend }) => {
  test.each(goldenCases("scan_linear"))("match $reference: $id", async (golden) =>
    expectGolden(await device(), golden),
  );

  describe.each(ops)("$name", ({ op }) => {
    test.each(shapes)("matches the reference at $outer x T$time x $inner", async (sizes) => {
      await expectMatchesReference(run, random(op, sizes, 1));
      const way = { reverse: true, exclusive: true };
      await expectMatchesReference(run, random(op, sizes, 2, { without: optional, ...way }));
    });

    test.each(ways)("matches the reference, reverse $reverse, exclusive $exclusive", (way) =>
      expectMatchesReference(run, random(op, small, 11, way)),
    );

    test.each(op.inputs.filter((port) => port.optional).map(({ name }) => name))(
      "matches the reference without %s",
      (left) => expectMatchesReference(run, random(op, small, 3, { without: [left] })),
    );

    test("computes a row with the same bits whatever others are beside it, in any order", () =>
      fc.assert(
        fc.asyncProperty(someOf(small.outer), (chosen) =>
          expectIndependent(run, random(op, small, 4), "outer", chosen),
        ),
        tries,
      ));

    test("columns in another order give the same bits in that order", () =>
      expectPermutes(run, random(op, { ...small, inner: 5 }, 9), "inner", [3, 0, 4, 2, 1]));

    test.each([
      [-1e-6, 1e-6],
      [0.6, 0.7],
      [-1, 0],
    ])("is right for factors from %f to %f and large inputs", (from, to) => {
      const large = [-1e4, 1e4] as const;
      const ranges = { a: [from, to], b: large, initialState: large, h: large, dh: large, dfinalState: large } as const;
      const sizes = { ...small, time: 600 };
      return expectMatchesReference(run, { op, sizes, inputs: randomInputs(op, sizes, { seed: 10, ranges }) });
    });

    test.each([false, true])("has NaN where the reference has it, reverse and exclusive %s", (on) =>
      expectNaNsOfReference(run, random(op, { ...small, time: 600 }, 5, { reverse: on, exclusive: on })),
    );

    test("in reverse is the scan of the reversed rows", async () => {
      const { inputs } = random(op, small, 6);
      const isRows = (name: string) => op.inputs.some((port) => port.name === name && port.pattern.names[1] === "time");
      const mirrored = Object.fromEntries(
        Object.entries(inputs).map(([name, values]) => [name, isRows(name) ? turned(values) : values]),
      );
      const reversed = await run(op, small, inputs, { reverse: true });
      const plain = await run(op, small, mirrored);
      for (const { name, pattern } of op.outputs) {
        const expected = pattern.names[1] === "time" ? turned(plain[name]) : plain[name];
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
            const step = values.length / small.outer / small.time;
            return values.map((value, i) => (Math.floor(i / step) % small.time < k ? value : value + 1));
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
  expectSameBitsOnThreads(random(op, { outer: 67, time: 257, inner: 1, complex }, 8)),
);

describe.each(forward)("the gradient of $name", ({ op }) => {
  const sizes = { outer: 2, time: 5, inner: 2, complex };
  test.each(ways)("agrees with differences, reverse $reverse, exclusive $exclusive", (way) =>
    expectGradients(random(op, sizes, 9, way)),
  );

  test("agrees with differences without a state", () =>
    expectGradients(random(op, sizes, 10, { without: ["initialState"] })));
});

test("runs along any dimension, by number or by name", async () => {
  using device = new Device(new HostBackend());
  const { h, finalState } = linearScan({ a: device.full([2, 3, 4], 0.5), b: device.full([2, 3, 4], 1) });
  expect(h.shape).toEqual([2, 3, 4]);
  expect(finalState.shape).toEqual([2, 3]);
  expect((await h.data()).subarray(20)).toEqual(Float32Array.of(1, 1.5, 1.75, 1.875));

  const a = device.full([2, 3, 4], 0.5);
  const options = { axis: "time", dims: "batch time inner" };
  const along = linearScan({ a, b: a, initialState: device.full([2, 4], 8) }, options);
  expect(along.finalState.shape).toEqual([2, 4]);
  expect((await along.h.data()).filter((_, i) => i % 4 === 1)).toEqual(
    Float32Array.of(4.5, 2.75, 1.875, 4.5, 2.75, 1.875),
  );
  const before = linearScan({ a, b: a, initialState: device.full([2, 4], 8) }, { axis: 1, exclusive: true });
  expect((await before.h.data()).filter((_, i) => i % 4 === 1)).toEqual(Float32Array.of(8, 4.5, 2.75, 8, 4.5, 2.75));
});

test("names what does not fit", () => {
  using device = new Device(new HostBackend());
  const a = device.zeros([3, 5]);
  expect(() => linearScan({ a, b: device.zeros([3, 4]) }, { dims: "batch time" })).toThrow(
    new TypeError('Cannot run "linear-scan": "time" is 5 in a but 4 in b'),
  );
  expect(() => linearScan({ a, b: a, initialState: device.zeros([2]) })).toThrow(
    new TypeError('Cannot run "linear-scan": dimension 0 is 3 in a but 2 in initialState'),
  );
  expect(() => linearScan({ a, b: a, initialState: device.zeros([3]) }, { axis: 0, dims: "time batch" })).toThrow(
    new TypeError('Cannot run "linear-scan": "batch" is 5 in a but 3 in initialState'),
  );
  expect(() => linearScan({ a, b: a, initialState: device.zeros([]) })).toThrow(
    new TypeError('Cannot run "linear-scan": initialState has shape [] but [3] was needed, as a has it'),
  );
  expect(() => complexLinearScan({ a, b: a })).toThrow(
    new TypeError('Cannot run "complex-linear-scan": "complex" is 5 in a but must be 2'),
  );
});
