import { backends, expectMatchesReference, host, randomInputs } from "@elapid/testing";
import { binaryOps, Device, HostBackend, unaryOps, type AnyOp } from "@elapid/tensor";
import { describe, expect, test } from "vitest";
import { silu, siluOp } from "./silu.ts";
import { softplus, softplusOp } from "./softplus.ts";

const sizes = [1, 63, 257, 40_001]; // the last is enough for several threads
const named = (...ops: AnyOp[]) => ops.map((op) => ({ name: op.name, op }));

describe.each(backends())("elementwise ops on $name", ({ run }) => {
  describe.each(named(unaryOps.exp, unaryOps.neg, siluOp, softplusOp))("$name", ({ op }) => {
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

test("names an input of another dtype", () => {
  const device = new Device(new HostBackend());
  const ids = device.tensor([1, 2], [2], "i32");
  expect(() => silu(ids)).toThrow(new TypeError('Cannot run "silu": input x is i32 but f32 was needed'));
  expect(() => softplus(ids)).toThrow(new TypeError('Cannot run "softplus": input x is i32 but f32 was needed'));
});
