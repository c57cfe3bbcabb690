import { backends, expectClose } from "@elapid/testing";
import { Device, HostBackend, randomSource, sum, valueAndGrad, type WeightDType } from "@elapid/tensor";
import { describe, expect, test } from "vitest";
import { matmulInputGradient } from "./matmul.backward.ts";
import { matmul } from "./matmul.ts";

const host = new Device(new HostBackend());
const narrow = ["f16", "bf16", "q8", "q4"] as const;

const shapes = [
  { rows: 1, inner: 1, out: 1 },
  { rows: 1, inner: 63, out: 257 },
  { rows: 3, inner: 33, out: 5 },
  { rows: 7, inner: 12, out: 600 }, // terms of several blocks
  { rows: 63, inner: 257, out: 1 },
  { rows: 257, inner: 63, out: 65 },
  { rows: 130, inner: 70, out: 300 }, // rows and terms of several blocks
];
type Sizes = (typeof shapes)[number];

function draw({ rows, inner, out }: Sizes, seed: number) {
  const source = randomSource(seed);
  const values = (length: number) => Float32Array.from({ length }, () => 2 * source.next() - 1);
  return { dy: values(rows * out), weight: values(out * inner) };
}

type Inputs = ReturnType<typeof draw>;

async function gradient(device: Device, { rows, inner, out }: Sizes, { dy, weight }: Inputs, dtype: WeightDType) {
  using scope = device.scope();
  const inputs = { dy: device.tensor(dy, [rows, out]), weight: device.tensor(weight, [out, inner], dtype) };
  const dx = scope.keep(matmulInputGradient(inputs).dx);
  const values = (await dx.data()) as Float32Array;
  dx.dispose();
  return values;
}

describe.each(backends())("gradient through narrow weights on $name", ({ device }) => {
  describe.each(narrow)("%s", (dtype) => {
    test.each(shapes)("matches the reference at $rows x $inner x $out", async (sizes) => {
      const inputs = draw(sizes, 1);
      const expected = await gradient(host, sizes, inputs, dtype);
      const actual = await gradient(await device(), sizes, inputs, dtype);
      expectClose(actual, expected, { relative: 1e-5, label: "dx" });
    });

    test("gives a row the same bits alone, among others and twice", async () => {
      const sizes = { rows: 129, inner: 45, out: 263 };
      const inputs = draw(sizes, 2);
      const all = await gradient(await device(), sizes, inputs, dtype);
      expect(await gradient(await device(), sizes, inputs, dtype)).toEqual(all);
      for (const [first, rows] of [
        [0, 1],
        [128, 1],
        [5, 3],
        [17, 100],
      ]) {
        const dy = inputs.dy.slice(first * 263, (first + rows) * 263);
        const some = await gradient(await device(), { ...sizes, rows }, { ...inputs, dy }, dtype);
        expect(some).toEqual(all.slice(first * 45, (first + rows) * 45));
      }
    });

    test("keeps NaN and infinity in their rows, and never makes a number of them", async () => {
      const sizes = { rows: 5, inner: 70, out: 9 };
      const inputs = draw(sizes, 3);
      const clean = await gradient(await device(), sizes, inputs, dtype);
      for (const bad of [NaN, Infinity, -Infinity]) {
        const dx = await gradient(await device(), sizes, { ...inputs, dy: inputs.dy.with(2 * 9 + 8, bad) }, dtype);
        expect(dx.subarray(140, 210).some(Number.isFinite)).toBe(false);
        expect([...dx.subarray(0, 140), ...dx.subarray(210)]).toEqual([
          ...clean.subarray(0, 140),
          ...clean.subarray(210),
        ]);
      }
    });

    test("reaches what is before a product, and leaves no bytes behind", async () => {
      const sizes = { rows: 9, inner: 40, out: 21 };
      const { dy, weight } = draw(sizes, 4);
      const run = async (on: Device) => {
        using scope = on.scope();
        const x = on.tensor(dy.slice(0, 9 * 21), [9, 21]);
        const before = on.tensor(weight.slice(0, 40 * 21), [40, 21]);
        const frozen = on.tensor(weight, [21, 40], dtype);
        const scales = on.tensor(dy, [9, 21]);
        const { gradients } = valueAndGrad(() => sum(matmul(matmul(x, before), frozen).mul(scales)), { before });
        const kept = scope.keep(gradients.before);
        const values = await kept.data();
        kept.dispose();
        return values;
      };
      const on = await device();
      const live = on.liveBytes;
      expectClose(await run(on), await run(host), { relative: 1e-5, label: "gradient of before" });
      expect(on.liveBytes).toBe(live);
    });
  });

  test("is zero where there is nothing to sum, and nothing for no rows", async () => {
    for (const dtype of narrow) {
      const empty = { rows: 2, inner: 3, out: 0 };
      expect(await gradient(await device(), empty, draw(empty, 1), dtype)).toEqual(new Float32Array(6));
      const none = { rows: 0, inner: 3, out: 2 };
      expect(await gradient(await device(), none, draw(none, 1), dtype)).toEqual(new Float32Array());
    }
  });
});

test.each(narrow)("%s has the same bits on any number of threads", async (dtype) => {
  const [{ openWasm }, { kernels }] = await Promise.all([import("@elapid/wasm"), import("../wasm.ts")]);
  const sizes = { rows: 257, inner: 130, out: 300 };
  const results: Float32Array[] = [];
  for (const threads of [1, 2, 3]) {
    using device = new Device(await openWasm({ kernels, threads }), { strict: true });
    results.push(await gradient(device, sizes, draw(sizes, 5), dtype));
  }
  for (const other of results) expect(other).toEqual(results[0]);
});
