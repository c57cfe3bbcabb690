import {
  backends,
  cutOf,
  expectClose,
  expectGolden,
  expectGoldenGradients,
  expectGradients,
  expectIndependent,
  expectMatchesReference,
  expectNaNsOfReference,
  expectPermutes,
  expectSameBitsOnThreads,
  goldenCases,
  randomInputs,
  someOf,
  tries,
  type Call,
  type Run,
} from "@elapid/testing";
import type { AnyOp } from "@elapid/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { scanMax } from "./scan-max.ts";
import { scanProduct } from "./scan-product.ts";
import { scanSum } from "./scan-sum.ts";

const optional = ["initialState", "dy", "dfinalState"];
const small = { outer: 3, time: 19, inner: 2 };
const shapes = [
  { outer: 1, time: 1, inner: 1 },
  { outer: 257, time: 1, inner: 1 },
  { outer: 3, time: 63, inner: 1 },
  { outer: 2, time: 257, inner: 5 },
  { outer: 3, time: 513, inner: 1 }, // one step over a tile
  { outer: 2, time: 1257, inner: 3 },
  { outer: 66, time: 257, inner: 1 }, // enough for several threads
];
const ways = [false, true].flatMap((reverse) => [false, true].map((exclusive) => ({ reverse, exclusive })));
const scans = [scanSum, scanMax, scanProduct].map((scan) => ({ name: scan.op.name, op: scan.op as AnyOp }));
const ops = [...scans, ...[scanMax.backward!, scanProduct.backward!].map((op) => ({ name: op.name, op: op as AnyOp }))];

/** Random whole numbers, of which many are equal, for sums and maxima; for products, numbers near 1 and a zero. */
async function random(
  op: AnyOp,
  sizes: Call["sizes"],
  seed: number,
  attributes = {},
  without?: string[],
): Promise<Call> {
  const product = op.name.startsWith("scan-product");
  const numbers = product ? ([0.95, 1.05] as const) : ([-9, 9] as const);
  const ranges = { x: numbers, initialState: numbers };
  const inputs = randomInputs(op, { ...sizes, part: 1 }, { seed, ranges, without });
  if (!product) inputs.x = inputs.x.map(Math.round);
  if ("y" in inputs) inputs.y = await results(op.name.replace(".backward", ""), sizes, inputs, attributes);
  return { op, sizes, inputs, attributes };
}

/** The y of a gradient is that of its x. */
async function results(name: string, sizes: Call["sizes"], inputs: Call["inputs"], attributes: object) {
  const { host } = await import("@elapid/testing");
  const { op } = scans.find((scan) => scan.name === name)!;
  const { x, initialState } = inputs;
  return (await host.run(op, sizes, initialState === undefined ? { x } : { x, initialState }, { ...attributes })).y;
}

/** The steps `from` to `to` of all rows. */
function stepsOf(values: Float32Array, { outer, time, inner }: typeof small, from: number, to: number): Float32Array {
  return values.filter((_, i) => {
    const step = Math.floor(i / inner) % time;
    return from <= step && step < to && i < outer * time * inner;
  });
}

function turned(values: Float32Array, { time, inner }: typeof small): Float32Array {
  return values.map((_, i) => {
    const step = Math.floor(i / inner) % time;
    return values[i + (time - 1 - 2 * step) * inner];
  });
}

describe.each(backends())("associative scans on $name", ({ run, device }) => {
  const golden = [...goldenCases("scan_sum"), ...goldenCases("scan_max")];
  test.each(golden)("match $reference: $id", async (kernelCase) => expectGolden(await device(), kernelCase));
  test.each(golden)("have the gradient of $reference: $id", async (kernelCase) =>
    expectGoldenGradients(await device(), kernelCase),
  );

  describe.each(ops)("$name", ({ op }) => {
    test.each(shapes)("matches the reference at $outer x T$time x $inner", async (sizes) => {
      await expectMatchesReference(run, await random(op, sizes, 1));
      await expectMatchesReference(run, await random(op, sizes, 2, { reverse: true, exclusive: true }, optional));
    });

    test.each(ways)("matches the reference, reverse $reverse, exclusive $exclusive", async (way) => {
      await expectMatchesReference(run, await random(op, small, 3, way));
      await expectMatchesReference(run, await random(op, small, 4, way, optional));
    });

    test("computes a row with the same bits whatever others are beside it, in any order", () =>
      fc.assert(
        fc.asyncProperty(someOf(small.outer), async (chosen) =>
          expectIndependent(run, await random(op, small, 5), "outer", chosen),
        ),
        tries,
      ));

    test("columns in another order give the same bits in that order", async () => {
      const call = await random(op, { ...small, inner: 5 }, 9);
      await expectPermutes(run, { ...call, sizes: { ...call.sizes, part: 1 } }, "inner", [3, 0, 4, 2, 1]);
    });

    test.each(ways.slice(1, 3))("has NaN where the reference has it, reverse $reverse", async (way) =>
      expectNaNsOfReference(run, await random(op, { ...small, time: 600 }, 6, way)),
    );

    test("of no steps hands on what lay before", async () => {
      const sizes = { ...small, time: 0 };
      const { inputs } = await random(op, sizes, 7);
      const outputs = await run(op, sizes, inputs);
      expect(outputs.y ?? outputs.dx).toEqual(new Float32Array());
      expect(outputs.finalState ?? outputs.dinitialState).toEqual(inputs.dfinalState ?? inputs.initialState);
    });
  });

  describe.each(scans)("$name", ({ op }) => {
    test("in reverse is the scan of the reversed rows", async () => {
      const { inputs } = await random(op, small, 8);
      const reversed = await run(op, small, inputs, { reverse: true });
      const plain = await run(op, small, { ...inputs, x: turned(inputs.x, small) });
      expect(reversed.y).toEqual(turned(plain.y, small));
    });

    test("exclusive is the inclusive one, a step later", async () => {
      const sizes = { ...small, time: 700 };
      const { inputs } = await random(op, sizes, 9);
      const inclusive = await run(op, sizes, inputs);
      const exclusive = await run(op, sizes, inputs, { exclusive: true });
      const later = stepsOf(exclusive.y, sizes, 1, 700);
      expectClose(later, stepsOf(inclusive.y, sizes, 0, 699), { relative: 1e-6, label: "y" });
      expect(stepsOf(exclusive.y, sizes, 0, 1)).toEqual(inputs.initialState);
      expect(exclusive.finalState).toEqual(inclusive.finalState);
      expectClose(inclusive.finalState, stepsOf(inclusive.y, sizes, 699, 700), { relative: 1e-6, label: "finalState" });
    });

    test("cut anywhere, the state carried over, equals the whole", () =>
      fc.assert(
        fc.asyncProperty(cutOf(small.time), fc.constantFrom(...ways.slice(0, 2)), async (cut, way) => {
          const { inputs } = await random(op, small, cut);
          const whole = await run(op, small, inputs, way);
          const part = (from: number, to: number, initialState: Float32Array) =>
            run(op, { ...small, time: to - from }, { x: stepsOf(inputs.x, small, from, to), initialState }, way);
          const head = await part(0, cut, inputs.initialState);
          const tail = await part(cut, small.time, head.finalState);
          const close = { relative: 1e-6, label: "y" };
          expectClose(head.y, stepsOf(whole.y, small, 0, cut), close);
          expectClose(tail.y, stepsOf(whole.y, small, cut, small.time), close);
          expectClose(tail.finalState, whole.finalState, close);
        }),
        tries,
      ));

    test("is causal: changing x from step k on leaves y before k unchanged", () =>
      fc.assert(
        fc.asyncProperty(fc.integer({ min: 0, max: small.time - 1 }), async (k) => {
          const { inputs } = await random(op, small, k);
          const x = inputs.x.map((value, i) => (Math.floor(i / small.inner) % small.time < k ? value : value + 1));
          const before = await run(op, small, inputs);
          const after = await run(op, small, { ...inputs, x });
          expect(stepsOf(after.y, small, 0, k)).toEqual(stepsOf(before.y, small, 0, k));
        }),
        tries,
      ));
  });

  test("a sum of a long row of positive numbers keeps its digits", async () => {
    const sizes = { outer: 1, time: 2 ** 20, inner: 1 };
    const inputs = { x: randomInputs(scanSum.op, { ...sizes, part: 1 }, { seed: 8, ranges: { x: [0, 1] } }).x };
    await expectMatchesReference(run, { op: scanSum.op, sizes, inputs }, 4e-6);
  });

  test("the maximum of a row that begins with -Infinity is -Infinity until something greater comes", async () => {
    const sizes = { outer: 1, time: 3, inner: 1 };
    const { y } = await run(scanMax.op, sizes, { x: Float32Array.of(-Infinity, -Infinity, -3e38) });
    expect(y).toEqual(Float32Array.of(-Infinity, -Infinity, -3e38));
  });

  test("the gradient of a maximum goes to the latest of equal elements", async () => {
    const x = Float32Array.of(1, 2, 2, 0, 3);
    expect(await gradientOfMax(run, x, {})).toEqual(Float32Array.of(1, 10, 1100, 0, 10000));
    expect(await gradientOfMax(run, x, { reverse: true })).toEqual(Float32Array.of(0, 0, 0, 0, 11111));
    expect(await gradientOfMax(run, x, { exclusive: true })).toEqual(Float32Array.of(10, 100, 11000, 0, 0));
  });

  test("the gradient of a product survives zeros among its elements", async () => {
    const sizes = { outer: 1, time: 4, inner: 1 };
    const x = Float32Array.of(2, 0, 3, 0);
    const { y } = await run(scanProduct.op, sizes, { x });
    expect(y).toEqual(Float32Array.of(2, 0, 0, 0));
    const { dx } = await run(scanProduct.backward!, sizes, { x, y, dy: Float32Array.of(1, 10, 100, 1000) });
    // y = a, ab, abc, abcd at a = 2, b = 0, c = 3, d = 0
    expect(dx).toEqual(Float32Array.of(1, 10 * 2 + 100 * 2 * 3, 0, 0));
  });
});

/** The gradient of a running maximum by x, of the sum of its results with weights 1, 10, 100 and so on. */
async function gradientOfMax(run: Run, x: Float32Array, attributes: Call["attributes"]): Promise<Float32Array> {
  const sizes = { outer: 1, time: x.length, inner: 1 };
  const { y } = await run(scanMax.op, sizes, { x }, attributes);
  const dy = x.map((_, i) => 10 ** i);
  return (await run(scanMax.backward!, sizes, { x, y, dy }, attributes)).dx;
}

test.each(ops)("$name has the same bits on any number of threads", async ({ op }) =>
  expectSameBitsOnThreads(await random(op, { outer: 67, time: 257, inner: 1 }, 6)),
);

describe.each(scans)("the gradient of $name", ({ op }) => {
  test.each(ways)("agrees with differences, reverse $reverse, exclusive $exclusive", async (way) => {
    const sizes = { outer: 2, time: 6, inner: 2 };
    const inputs = randomInputs(op, { ...sizes, part: 1 }, { seed: 7 });
    await expectGradients({ op, sizes, inputs, attributes: way });
    // nothing lies before the first element then, whose maximum is -Infinity
    if (op === scanMax.op && way.exclusive) return;
    await expectGradients({ op, sizes, inputs: { x: inputs.x }, attributes: way });
  });
});
