import { defineOp, type Device } from "@elapid/tensor";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openSoftware } from "../gpu.fixture.ts";
import { defineKernel, type Kernel } from "../kernel.ts";
import { wgsl, type Wgsl } from "../wgsl.ts";
import { cosineSine } from "./cosine-sine.wgsl.ts";
import { exponential } from "./exponential.wgsl.ts";
import { nan } from "./nan.wgsl.ts";
import { reduce } from "./reduce.wgsl.ts";
import { silu } from "./silu.wgsl.ts";
import { softplus } from "./softplus.wgsl.ts";
import { tanh } from "./tanh.wgsl.ts";

/** An op of one workgroup of 64 that writes what `body` says of `x[i]`. */
function define(name: string, includes: Wgsl, body: Wgsl) {
  const op = defineOp({ name, inputs: { x: "..." }, outputs: { y: "..." }, reference: () => {} });
  const kernel: Kernel = defineKernel(op, {
    workgroups: () => 1,
    source: () => wgsl`
      ${includes}
      ${body}
      @compute @workgroup_size(64)
      fn main(@builtin(local_invocation_index) i: u32) { y[i] = apply(x[i], i); }
    `,
  });
  return { op, kernel };
}

const functions = [
  {
    name: "exponential",
    ...define("exponential", exponential, wgsl`fn apply(x: f32, i: u32) -> f32 { return exponential(x); }`),
    expected: Math.exp,
  },
  {
    name: "silu",
    ...define("silu", silu, wgsl`fn apply(x: f32, i: u32) -> f32 { return silu(x); }`),
    expected: (x: number) => x / (1 + Math.exp(-x)),
  },
  {
    name: "softplus",
    ...define("softplus", softplus, wgsl`fn apply(x: f32, i: u32) -> f32 { return softplus(x); }`),
    expected: (x: number) => Math.log1p(Math.exp(x)),
  },
  {
    name: "tanh",
    ...define("tanh", tanh, wgsl`fn apply(x: f32, i: u32) -> f32 { return tanhOf(x); }`),
    expected: Math.tanh,
  },
];
const missing = define("missing", nan, wgsl`fn apply(x: f32, i: u32) -> f32 { return nan(); }`);
const cosines = define("cosines", cosineSine, wgsl`fn apply(x: f32, i: u32) -> f32 { return cosineSine(x).x; }`);
const sines = define("sines", cosineSine, wgsl`fn apply(x: f32, i: u32) -> f32 { return cosineSine(x).y; }`);
const sums = define("sums", reduce(64), wgsl`fn apply(x: f32, i: u32) -> f32 { return sumOf(x, i) + sumOf(1.0, i); }`);
const tops = define("tops", reduce(64), wgsl`fn apply(x: f32, i: u32) -> f32 { return maxOf(x, i); }`);

let device: Device;
beforeAll(async () => {
  device = await openSoftware({
    kernels: [...functions, missing, cosines, sines, sums, tops].map(({ kernel }) => kernel),
  });
});
afterAll(() => device.dispose());

/** Results for 64 values; the first are given, the rest is 0. */
async function run({ op }: typeof missing, values: readonly number[]): Promise<Float32Array> {
  const x = new Float32Array(64);
  x.set(values);
  using tensor = device.tensor(x);
  using y = op({ x: tensor }).y;
  return (await y.data()) as Float32Array;
}

describe.each(functions)("$name", (each) => {
  test("is exact to 4e-6 of each result, small ones included", async () => {
    const x = Float32Array.of(
      -60,
      -30,
      -20,
      -15,
      -10,
      -5,
      -2,
      -1,
      -0.5,
      -1e-3,
      -1e-6,
      0,
      1e-6,
      1e-3,
      0.5,
      1,
      2,
      5,
      10,
      19.5,
      20.5,
      30,
    );
    const y = await run(each, [...x]);
    x.forEach((value, i) => {
      const expected = each.expected(value);
      expect(Math.abs(y[i] - expected), `at ${value}`).toBeLessThanOrEqual(4e-6 * Math.abs(expected) + 1e-37);
    });
  });

  test("gives NaN for NaN", async () => expect((await run(each, [NaN]))[0]).toBeNaN());
});

test.each([
  { name: "cosine", part: cosines, expected: Math.cos },
  { name: "sine", part: sines, expected: Math.sin },
])("cosineSine has the $name to 2⁻²² up to 10⁴, and NaN where there is none", async ({ part, expected }) => {
  const x = Float32Array.from({ length: 62 }, (_, i) => (-1) ** i * 1e4 ** (i / 61) * (i < 5 ? i / 5 : 1));
  const y = await run(part, [...x, NaN, Infinity]);
  x.forEach((value, i) => expect(Math.abs(y[i] - expected(value)), `at ${value}`).toBeLessThanOrEqual(2 ** -22));
  expect([...y.slice(62)]).toEqual([NaN, NaN]);
});

test("nan is not a number", async () => expect((await run(missing, []))[0]).toBeNaN());

test("sumOf folds halves onto each other, in that order, and can be called again", async () => {
  const values = Float32Array.from({ length: 64 }, (_, i) => Math.fround(1 / (i + 1)));
  const folded = values.slice();
  for (let half = 32; half >= 1; half /= 2) for (let i = 0; i < half; i++) folded[i] += folded[i + half];
  expect(new Set(await run(sums, [...values]))).toEqual(new Set([Math.fround(folded[0] + 64)]));
});

test("maxOf finds the largest wherever it is", async () => {
  for (const place of [0, 1, 31, 32, 63]) {
    const values = Array<number>(64).fill(-5);
    values[place] = -2;
    expect(new Set(await run(tops, values))).toEqual(new Set([-2]));
  }
});
