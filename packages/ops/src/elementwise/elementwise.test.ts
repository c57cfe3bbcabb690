import { backends, expectGradients, expectMatchesReference, host, randomInputs } from "@elapid/testing";
import { binaryOps, Device, HostBackend, unaryOps, type AnyOp } from "@elapid/tensor";
import { describe, expect, test } from "vitest";
import { gelu, geluOp } from "./gelu.ts";
import { normalCdf } from "./normal.ts";
import { glu, sigmoid, sigmoidOp } from "./sigmoid.ts";
import { silu, siluOp } from "./silu.ts";
import { softplus, softplusOp } from "./softplus.ts";

const sizes = [1, 63, 257, 40_001]; // the last is enough for several threads
const named = (...ops: AnyOp[]) => ops.map((op) => ({ name: op.name, op }));

describe.each(backends())("elementwise ops on $name", ({ run }) => {
  describe.each(named(unaryOps.exp, unaryOps.neg, siluOp, softplusOp, sigmoidOp, geluOp))("$name", ({ op }) => {
    test.each(sizes)("matches the reference at %i", (rows) =>
      expectMatchesReference(run, {
        op,
        sizes: { rows },
        inputs: randomInputs(op, { rows }, { seed: 1, ranges: { x: [-12, 5] } }),
      }),
    );

    test("gives nothing for nothing", async () => {
      expect((await run(op, { rows: 0 }, { x: new Float32Array() })).y).toEqual(new Float32Array());
    });

    test("is as exact far from 0 as near it, element by element", async () => {
      const x = Float32Array.of(-80, -30, -20.5, -1, -1e-3, -1e-6, 0, 1e-6, 1e-3, 1, 19.9, 20, 20.1, 30, 80);
      const { y } = await run(op, { rows: x.length }, { x });
      const expected = (await host.run(op, { rows: x.length }, { x })).y;
      // exp amplifies the rounding of its argument, so that float32 cannot do better at 80
      y.forEach((value, i) =>
        expect(Math.abs(value - expected[i]), `at ${x[i]}`).toBeLessThanOrEqual(1e-5 * Math.abs(expected[i]) + 1e-7),
      );
    });

    test("gives NaN for NaN and nothing worse for infinities", async () => {
      const x = Float32Array.of(1, NaN, Infinity, -Infinity, 2);
      const { y } = await run(op, { rows: 5 }, { x });
      const expected = (await host.run(op, { rows: 5 }, { x })).y;
      expect([...y].map(Number.isNaN)).toEqual([...expected].map(Number.isNaN));
      expect(y[2]).toBe(expected[2]);
    });
  });

  test("gelu is within 1e-6 of each value, or 1e-7 where that is more", async () => {
    const x = Float32Array.from({ length: 4001 }, (_, i) => (i - 2000) / 150);
    const { y } = await run(geluOp, { rows: x.length }, { x });
    const exact = [...x].map((value) => value * normalCdf(value));
    const worst = exact.map((value, i) => Math.abs(y[i] - value) / Math.max(1e-6 * Math.abs(value), 1e-7));
    expect(Math.max(...worst)).toBeLessThanOrEqual(1);
  });

  describe.each(named(binaryOps.add, binaryOps.mul))("$name", ({ op }) => {
    test.each([
      { rows: 1, size: 1 },
      { rows: 1, size: 257 },
      { rows: 63, size: 5 },
      { rows: 257, size: 63 },
      { rows: 301, size: 131 },
      { rows: 63, size: 1 },
    ])("matches the reference exactly at $rows x $size", async (shape) => {
      const inputs = randomInputs(op, shape, { seed: 2 });
      expect(await run(op, shape, inputs)).toEqual(await host.run(op, shape, inputs));
    });

    test("gives nothing for nothing", async () => {
      const none = { rows: 0, size: 3 };
      expect((await run(op, none, randomInputs(op, none, { seed: 1 }))).y).toEqual(new Float32Array());
    });

    test("carries a NaN of either operand to the elements that it touches", async () => {
      const { y } = await run(
        op,
        { rows: 2, size: 3 },
        { a: Float32Array.of(NaN, 1, 2, 3, 4, 5), b: Float32Array.of(1, NaN, 1) },
      );
      expect([...y].map(Number.isNaN)).toEqual([true, true, false, false, true, false]);
    });
  });
});

test("softplus is x above 20 and positive below", async () => {
  const device = new Device(new HostBackend());
  const y = await softplus(device.tensor([21, 100, 0, -40])).data();
  expect(y.slice(0, 2)).toEqual(Float32Array.of(21, 100));
  expect(y[2]).toBeCloseTo(Math.LN2, 6);
  expect(y[3]).toBeGreaterThan(0);
});

test("normalCdf has the digits of tables on both sides of where it changes its method, and its halves make 1", () => {
  const table = [
    [-8, 6.220960574271819e-16],
    [-3.0001, 0.001349454913260717],
    [-3, 0.0013498980316300957],
    [-2.9999, 0.0013503412829549248],
    [-1, 0.15865525393145705],
    [0, 0.5],
    [0.5, 0.6914624612740131],
  ];
  for (const [x, p] of table) {
    expect(Math.abs(normalCdf(x) / p - 1), `at ${x}`).toBeLessThan(1e-7);
    expect(normalCdf(x) + normalCdf(-x)).toBeCloseTo(1, 15);
  }
});

test("gelu is half of x and half of its size, as far out as float32 can tell", async () => {
  using device = new Device(new HostBackend());
  const y = await gelu(device.tensor([8, -8, 1, -1])).data();
  expect(y[0]).toBe(8);
  expect(y[1]).toBeCloseTo(-4.9767684594174e-15, 20);
  expect(y[2] + y[3]).toBeCloseTo(2 * 0.8413447460685429 - 1, 6);
});

test.each([geluOp, sigmoidOp])("the gradient of $name agrees with finite differences", (op) => {
  const inputs = randomInputs(op, { rows: 37 }, { seed: 3, ranges: { x: [-4, 4] } });
  return expectGradients({ op, sizes: { rows: 37 }, inputs });
});

test("glu opens and closes its first half with its second, and names what it cannot halve", async () => {
  using device = new Device(new HostBackend());
  const y = await glu(device.tensor([1, 2, 0, 100, 3, 4, -100, 0], [2, 4])).data();
  expect([...y].map((value) => Number(value.toFixed(6)))).toEqual([0.5, 2, 0, 2]);
  expect(() => glu(device.zeros([2, 3]))).toThrow(
    new RangeError('Cannot run "glu": the last dimension of x is 3 but an even number was needed'),
  );
});

test("names an input of another dtype", () => {
  const device = new Device(new HostBackend());
  const ids = device.tensor([1, 2], [2], "i32");
  expect(() => silu(ids)).toThrow(new TypeError('Cannot run "silu": input x is i32 but f32 was needed'));
  expect(() => gelu(ids)).toThrow(new TypeError('Cannot run "gelu": input x is i32 but f32 was needed'));
  expect(() => sigmoid(ids)).toThrow(new TypeError('Cannot run "sigmoid": input x is i32 but f32 was needed'));
  expect(() => softplus(ids)).toThrow(new TypeError('Cannot run "softplus": input x is i32 but f32 was needed'));
});
