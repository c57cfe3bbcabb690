/// <reference types="node" />
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";
import { describe, expect, test } from "vitest";

const COUNT = 1 << 20;
const X = 1 << 20; // bytes; constants lie below
const Y = X + 4 * COUNT;
const LANES = Y + 4 * COUNT;

interface Kernels {
  readonly memory: WebAssembly.Memory;
  readonly copy: (length: number, x: number, y: number) => void;
  readonly thereAndBack: (channels: number, places: number, x: number, lanes: number, y: number) => void;
  readonly togetherAndBack: (channels: number, inner: number, x: number, rows: number, y: number) => void;
}

async function compile(features: string): Promise<Kernels> {
  let binary = new Uint8Array();
  const entry = fileURLToPath(new URL("snippets.test.as.ts", import.meta.url));
  const options = `-O3 --noAssert --runtime stub --use abort= --initialMemory 256 --enable ${features} --outFile test.wasm`;
  const { error, stderr } = await asc.main([entry, ...options.split(" ")], {
    writeFile: (_, contents) => void (binary = Uint8Array.from(contents as Uint8Array)),
  });
  if (error) throw new Error(`${error.message}\n${stderr}`);
  const { instance } = await WebAssembly.instantiate(binary);
  return instance.exports as unknown as Kernels;
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** Each function with the bound that its comment states, and the inputs for which it is stated. */
const functions = [
  { name: "exp", exact: Math.exp, ulp: 1.2, from: -110, to: 95 },
  { name: "expNormal", exact: Math.exp, ulp: 1.2, from: -87.3, to: 88.3 },
  { name: "exp2Decay", exact: (x: number) => 2 ** x, ulp: 1.2, from: -126, to: 127 },
  { name: "exp2Decays", exact: (x: number) => 2 ** x, ulp: 1.2, from: -126, to: 127 },
  { name: "exp2DecaysOfTwo", exact: (x: number) => 2 ** x, ulp: 1.2, from: -126, to: 127 },
  { name: "expsOfMinus", exact: (x: number) => Math.exp(-x), ulp: 1.2, from: -88.3, to: 87.3 },
  { name: "expsOfMinusAbs", exact: (x: number) => Math.exp(-Math.abs(x)), ulp: 1.2, from: -110, to: 110 },
  { name: "sigmoid", exact: sigmoid, ulp: 2.5, from: -87, to: 30 },
  { name: "slopeOfSoftplus", exact: sigmoid, ulp: 2.5, from: -87, to: 30 },
  { name: "silu", exact: (x: number) => x * sigmoid(x), ulp: 2.5, from: -87, to: 30 },
  { name: "softplus", exact: softplus, ulp: 3, from: -110, to: 30 },
  { name: "softpluses", exact: softplus, ulp: 3, from: -110, to: 30 },
  { name: "softplusBeside", exact: softplus, ulp: 3, from: -110, to: 30 },
  { name: "tanh", exact: Math.tanh, ulp: 3, from: -20, to: 20 },
] as const;

/** Distance between neighbouring floats at `value`. */
const spacing = (value: number) => 2 ** Math.max(Math.floor(Math.log2(Math.abs(value))) - 23, -149);

describe.each([
  { build: "SIMD128", features: "simd" },
  { build: "relaxed SIMD", features: "simd,relaxed-simd" },
])("snippets in $build", async ({ features }) => {
  const kernels = await compile(features);
  const x = new Float32Array(kernels.memory.buffer, X, COUNT);
  const y = new Float32Array(kernels.memory.buffer, Y, COUNT);
  const apply = (name: string, length: number) =>
    (kernels as unknown as Record<string, Kernels["copy"]>)[name](length, X, Y);

  describe.each(functions)("$name", ({ name, exact, ulp, from, to }) => {
    function worstError(): { error: number; at: number } {
      apply(name, COUNT);
      const worst = { error: 0, at: 0 };
      for (let i = 0; i < COUNT; i++) {
        const wanted = exact(x[i]);
        if (y[i] === Math.fround(wanted)) continue; // infinities too
        const error = Math.abs(y[i] - wanted) / spacing(wanted);
        if (!(error <= worst.error)) Object.assign(worst, { error, at: x[i] });
      }
      return worst;
    }

    test(`is within ${ulp} ulp over its range`, () => {
      for (let i = 0; i < COUNT; i++) x[i] = from + ((to - from) * i) / COUNT;
      expect(worstError().error).toBeLessThanOrEqual(ulp);
    });

    test(`is within ${ulp} ulp at small inputs`, () => {
      for (let i = 0; i < COUNT; i++) x[i] = (i % 2 === 0 ? 1 : -1) * 2 ** (-30 * (i / COUNT));
      expect(worstError().error).toBeLessThanOrEqual(ulp);
    });

    test("keeps NaN, whatever its bits", () => {
      new Uint32Array(kernels.memory.buffer, X, 4).set([0x7fc00000, 0xffc00000, 0x7fc00001, 0xffffffff]);
      apply(name, 4);
      expect([...y.subarray(0, 4)]).toEqual([NaN, NaN, NaN, NaN]);
    });
  });

  test.each([
    { name: "exp", ends: [0, 0, Infinity, Infinity] },
    { name: "expNormal", ends: [0, 0, Infinity, Infinity] },
    { name: "exp2Decay", ends: [2 ** -126, 2 ** -126, 2 ** 127, 2 ** 127] },
    { name: "exp2Decays", ends: [2 ** -126, 2 ** -126, 2 ** 127, 2 ** 127] },
    { name: "exp2DecaysOfTwo", ends: [2 ** -126, 2 ** -126, 2 ** 127, 2 ** 127] },
    { name: "expsOfMinus", ends: [Infinity, Infinity, 0, 0] },
    { name: "expsOfMinusAbs", ends: [0, 0, 0, 0] },
    { name: "sigmoid", ends: [0, 0, 1, 1] },
    { name: "slopeOfSoftplus", ends: [0, 0, 1, 1] },
    { name: "silu", ends: [NaN, -0, 1000, Infinity] }, // as x / (1 + exp(-x)) gives them
    { name: "softplus", ends: [0, 0, 1000, Infinity] },
    { name: "softpluses", ends: [0, 0, 1000, Infinity] },
    { name: "softplusBeside", ends: [0, 0, 1000, Infinity] },
    { name: "tanh", ends: [-1, -1, 1, 1] },
  ])("$name has its limits at the ends", ({ name, ends }) => {
    x.set([-Infinity, -1000, 1000, Infinity]);
    apply(name, 4);
    expect([...y.subarray(0, 4)]).toEqual(ends);
  });

  test.each(["exp2Decays", "exp2DecaysOfTwo"])(
    "%s has the same bits beside products beyond its bounds as alone",
    (name) => {
      for (let i = 0; i < COUNT; i++) x[i] = -140 + (300 * i) / COUNT;
      apply("exp2DecaysOneByOne", COUNT);
      const alone = y.slice();
      y.fill(NaN);
      apply(name, COUNT);
      expect(Buffer.compare(Buffer.from(y.buffer, Y, 4 * COUNT), Buffer.from(alone.buffer))).toBe(0);
    },
  );

  test.each([1, 2, 3, 4, 5, 7, 8])("load4 and store4 touch %i elements and no more", (length) => {
    for (let i = 0; i < 12; i++) x[i] = i + 1;
    y.fill(0, 0, 12);
    kernels.copy(length, X, Y);
    expect([...y.subarray(0, 12)]).toEqual(Array.from({ length: 12 }, (_, i) => (i < length ? i + 1 : 0)));
  });

  test.each([1, 4, 7, 32, 33, 64, 71])("gatherRows and scatterRows move %i channels", (channels) => {
    const [inner, wide] = [channels + 3, Math.ceil(channels / 8) * 8];
    for (let i = 0; i < 3 * inner; i++) x[i] = i + 1;
    y.fill(0, 0, 3 * inner);
    const rows = new Float32Array(kernels.memory.buffer, LANES, 3 * wide).fill(NaN);
    kernels.togetherAndBack(channels, inner, X, LANES, Y);
    const of = (row: number, e: number) => (e < channels ? row * inner + e + 1 : 0);
    expect([...rows]).toEqual(Array.from(rows, (_, i) => of(Math.floor(i / wide), i % wide)));
    expect([...y.subarray(0, 3 * inner)]).toEqual(
      Array.from({ length: 3 * inner }, (_, i) => of(Math.floor(i / inner), i % inner)),
    );
  });

  test.each([
    { channels: 1, places: 1 },
    { channels: 4, places: 4 },
    { channels: 16, places: 16 },
    { channels: 7, places: 5 },
    { channels: 13, places: 3 },
  ])("toLanes and fromLanes turn $channels channels of $places places", ({ channels, places }) => {
    const size = channels * places;
    for (let i = 0; i < size; i++) x[i] = i + 1;
    y.fill(0, 0, size + 4);
    kernels.thereAndBack(channels, places, X, LANES, Y);
    expect([...y.subarray(0, size + 4)]).toEqual([...x.subarray(0, size), 0, 0, 0, 0]);

    const lanes = new Float32Array(kernels.memory.buffer, LANES);
    for (let e = 0; e < channels; e++) {
      const group = Math.floor(e / 4) * (places + 1) * 4;
      for (let n = 0; n < places; n++) expect(lanes[group + n * 4 + (e % 4)]).toBe(x[e * places + n]);
    }
  });
});
