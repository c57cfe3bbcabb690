import { backends, expectClose } from "@elapid/testing";
import { Device, HostBackend, randomSource, type Tensor, type WeightDType } from "@elapid/tensor";
import { describe, expect, test } from "vitest";
import { matmul } from "./matmul.ts";

const host = new Device(new HostBackend());
const narrow = ["f16", "bf16", "q8", "q4"] as const;

const shapes = [
  { rows: 1, inner: 1, out: 1 },
  { rows: 1, inner: 63, out: 257 },
  { rows: 2, inner: 96, out: 40 },
  { rows: 3, inner: 63, out: 5 },
  { rows: 8, inner: 257, out: 19 }, // a batch
  { rows: 65, inner: 257, out: 17 },
  { rows: 257, inner: 63, out: 65 },
  { rows: 1, inner: 640, out: 512 }, // enough for several threads
];
type Sizes = (typeof shapes)[number];

function draw({ rows, inner, out }: Sizes, seed: number) {
  const source = randomSource(seed);
  const values = (length: number) => Float32Array.from({ length }, () => 2 * source.next() - 1);
  return { x: values(rows * inner), weight: values(out * inner), bias: values(out) };
}

type Inputs = ReturnType<typeof draw>;

async function product(device: Device, { rows, inner, out }: Sizes, { x, weight, bias }: Inputs, dtype: WeightDType) {
  using scope = device.scope();
  const y: Tensor = matmul(
    device.tensor(x, [rows, inner]),
    device.tensor(weight, [out, inner], dtype),
    device.tensor(bias),
  );
  scope.keep(y);
  const values = (await y.data()) as Float32Array;
  y.dispose();
  return values;
}

/** How finely kernels may round `x`: to so many steps on either side of zero, in blocks of 32. */
const STEPS = { f16: Infinity, bf16: Infinity, q8: 32767, q4: 127 } as const;

/** How far `y` may be off if every number of a block of `x` is off by half a step. */
async function bounds({ rows, inner, out }: Sizes, { x, weight }: Inputs, dtype: (typeof narrow)[number]) {
  const stored = await host.tensor(weight, [out, inner], dtype).data();
  return Float32Array.from({ length: rows * out }, (_, at) => {
    const [r, o] = [Math.floor(at / out), at % out];
    let bound = 0;
    let size = 0;
    for (let first = 0; first < inner; first += 32) {
      let peak = 0;
      let sum = 0;
      for (let i = first; i < Math.min(first + 32, inner); i++) {
        peak = Math.max(peak, Math.abs(x[r * inner + i]));
        sum += Math.abs(stored[o * inner + i]);
        size += Math.abs(x[r * inner + i] * stored[o * inner + i]);
      }
      bound += (peak / STEPS[dtype] / 2) * sum;
    }
    return bound * 1.0001 + 2e-6 * size + 1e-6;
  });
}

describe.each(backends())("matmul with narrow weights on $name", ({ device }) => {
  describe.each(narrow)("%s", (dtype) => {
    test.each(shapes)("is within the rounding of x at $rows x $inner x $out", async (sizes) => {
      const inputs = draw(sizes, 1);
      const expected = await product(host, sizes, inputs, dtype);
      const actual = await product(await device(), sizes, inputs, dtype);
      const allowed = await bounds(sizes, inputs, dtype);
      actual.forEach((value, i) => expect(Math.abs(value - expected[i]), `y[${i}]`).toBeLessThanOrEqual(allowed[i]));
    });

    test.each(shapes)("is as exact as f32 where x lies on a grid, at $rows x $inner x $out", async (sizes) => {
      const inputs = draw(sizes, 2);
      // with a peak of 127 in every block, whole numbers are on the grids of 127 and, but for a last bit, 32767 steps
      const x = inputs.x.map((value, i) => ((i % sizes.inner) % 32 === 0 ? 127 : Math.round(127 * value)));
      const whole = { ...inputs, x };
      const expected = await product(host, sizes, whole, dtype);
      const tolerance = { relative: dtype === "q8" ? 3e-5 : 1e-5, label: "y" };
      expectClose(await product(await device(), sizes, whole, dtype), expected, tolerance);
    });

    test("gives a row the same bits alone, among others and twice", async () => {
      const sizes = { rows: 23, inner: 130, out: 67 };
      const inputs = draw(sizes, 3);
      const all = await product(await device(), sizes, inputs, dtype);
      expect(await product(await device(), sizes, inputs, dtype)).toEqual(all);
      for (const [first, rows] of [
        [0, 1],
        [22, 1],
        [5, 3],
        [7, 8],
      ]) {
        const x = inputs.x.slice(first * 130, (first + rows) * 130);
        const some = await product(await device(), { ...sizes, rows }, { ...inputs, x }, dtype);
        expect(some).toEqual(all.slice(first * 67, (first + rows) * 67));
      }
    });

    test("keeps NaN and infinity in their rows, and never makes a number of them", async () => {
      const sizes = { rows: 5, inner: 70, out: 9 };
      const inputs = draw(sizes, 4);
      const clean = await product(await device(), sizes, inputs, dtype);
      for (const bad of [NaN, Infinity, -Infinity]) {
        const x = inputs.x.with(2 * 70 + 65, bad);
        const y = await product(await device(), sizes, { ...inputs, x }, dtype);
        expect(y.subarray(18, 27).some(Number.isFinite)).toBe(false);
        expect([...y.subarray(0, 18), ...y.subarray(27)]).toEqual([...clean.subarray(0, 18), ...clean.subarray(27)]);
      }
    });

    test.each([1e-30, 1e30, 0, NaN, Infinity])(
      "gives a row times %f the same bits alone and beside another",
      async (factor) => {
        const sizes = { rows: 2, inner: 75, out: 19 };
        const inputs = draw(sizes, 6);
        const x = inputs.x.map((value, i) => (i % 3 === 0 ? value * factor : value));
        const both = await product(await device(), sizes, { ...inputs, x }, dtype);
        const alone = await product(await device(), { ...sizes, rows: 1 }, { ...inputs, x: x.slice(0, 75) }, dtype);
        expect(alone).toEqual(both.subarray(0, 19));
        expect(alone.every(Number.isFinite)).toBe(Number.isFinite(factor));
      },
    );

    test("takes rows that are tiny, huge or zero", async () => {
      const sizes = { rows: 4, inner: 40, out: 9 };
      const inputs = draw(sizes, 5);
      const factors = [1e-38, 1e30, 0, 1];
      const x = inputs.x.map((value, i) => value * factors[Math.floor(i / 40)]);
      const bias = new Float32Array(9);
      const y = await product(await device(), sizes, { ...inputs, x, bias }, dtype);
      const expected = await product(host, sizes, { ...inputs, x, bias }, dtype);
      for (const [row, absolute] of [1e-36, 1e29, 0, 0.1].entries()) {
        for (let o = row * 9; o < row * 9 + 9; o++) expect(Math.abs(y[o] - expected[o])).toBeLessThanOrEqual(absolute);
      }
    });
  });

  test("gives nothing for no rows, and the bias where there is nothing to sum", async () => {
    for (const dtype of narrow) {
      const none = { rows: 0, inner: 5, out: 3 };
      expect(await product(await device(), none, draw(none, 1), dtype)).toEqual(new Float32Array());
      const empty = { rows: 2, inner: 0, out: 3 };
      const inputs = draw(empty, 1);
      expect(await product(await device(), empty, inputs, dtype)).toEqual(
        Float32Array.of(...inputs.bias, ...inputs.bias),
      );
    }
  });
});

test.each(["q8", "q4"] as const)("%s has the same bits on both builds and any number of threads", async (dtype) => {
  const [{ openWasm }, { kernels }] = await Promise.all([import("@elapid/wasm"), import("../wasm.ts")]);
  const results: Float32Array[] = [];
  for (const simd of ["relaxed", "simd128"] as const) {
    for (const threads of [1, 2, 3]) {
      using device = new Device(await openWasm({ kernels, simd, threads }), { strict: true });
      const sizes = { rows: 9, inner: 200, out: 410 };
      results.push(await product(device, sizes, draw(sizes, 6), dtype));
    }
  }
  for (const other of results) expect(other).toEqual(results[0]);
});

test("names the types that weights may have", () => {
  expect(() => matmul(host.zeros([2, 3]), host.zeros([4, 3], "i32"))).toThrow(
    new TypeError('Cannot run "matmul": input weight is i32 but one of f32, f16, bf16, q8, q4 was needed'),
  );
});
