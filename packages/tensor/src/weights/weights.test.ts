import { describe, expect, test } from "vitest";
import { Device } from "../device.ts";
import { byteLength, rowUnit, weightDTypes } from "../dtype.ts";
import { HostBackend } from "../host.ts";
import { randomSource } from "../random.ts";
import { recordBytes } from "./blocks.ts";
import { packBlocks, unpackBlocks } from "./gguf-blocks.ts";
import { decodeWeights, encodeWeights } from "./weights.ts";

const shapes: readonly (readonly [number, number])[] = [
  [1, 1],
  [3, 63],
  [8, 32],
  [65, 257],
];

function random([out, inner]: readonly [number, number], scale = 1): Float32Array {
  const source = randomSource(out + inner);
  return Float32Array.from({ length: out * inner }, () => scale * (2 * source.next() - 1));
}

/** The largest magnitude of the block of 32 around each number. */
function peaks(values: Float32Array, inner: number): number[] {
  return [...values.keys()].map((i) => {
    const first = i - ((i % inner) % 32);
    const end = Math.min(first + 32, i - (i % inner) + inner);
    return values.subarray(first, end).reduce((peak, value) => Math.max(peak, Math.abs(value)), 0);
  });
}

/** How far a stored number may be off, as a part of the peak of its block. */
const STEPS = { f32: 0, f16: 2 ** -11, bf16: 2 ** -8, q8: 0.51 / 127, q4: 1.3 / 8 } as const;

describe.each(weightDTypes)("%s weights", (dtype) => {
  test.each(shapes)("come back within a step at %i x %i", (out, inner) => {
    const values = random([out, inner]);
    const bytes = encodeWeights(values, [out, inner], dtype);
    expect(bytes.byteLength).toBe(byteLength(dtype, [out, inner]));
    const decoded = decodeWeights(bytes, [out, inner], dtype);
    const peakOf = peaks(values, inner);
    values.forEach((value, i) => expect(Math.abs(decoded[i] - value)).toBeLessThanOrEqual(STEPS[dtype] * peakOf[i]));
  });

  test("that lie on the grid come back exactly, and zeros as zeros", () => {
    const end = dtype === "q4" ? 8 : 127;
    const grid = Float32Array.from({ length: 16 * 64 }, (_, i) => (i % 32 === 5 ? -end : (i * 7) % end) * 2 ** -5);
    expect(decodeWeights(encodeWeights(grid, [16, 64], dtype), [16, 64], dtype)).toEqual(grid);
    const zeros = new Float32Array(5 * 33);
    expect(decodeWeights(encodeWeights(zeros, [5, 33], dtype), [5, 33], dtype)).toEqual(zeros);
  });

  test("have the same bytes when they are stored eight rows at a time", () => {
    const values = random([19, 70]);
    const whole = encodeWeights(values, [19, 70], dtype);
    const parts = [0, 8, 16].map((first) => {
      const rows = Math.min(8, 19 - first);
      return encodeWeights(values.slice(first * 70, (first + rows) * 70), [rows, 70], dtype);
    });
    expect(parts.flatMap((part) => [...part])).toEqual([...whole]);
  });

  test("are tensors that give their numbers, and can neither be cut nor differentiated", async () => {
    const device = new Device(new HostBackend());
    const values = random([3, 33]);
    const tensor = device.tensor(values, [3, 33], dtype);
    expect(tensor.byteLength).toBe(byteLength(dtype, [3, 33]));
    expect(device.liveBytes).toBe(tensor.byteLength);
    expect(await tensor.data()).toEqual(decodeWeights(encodeWeights(values, [3, 33], dtype), [3, 33], dtype));
    if (dtype === "f32") return;
    expect(() => tensor.slice(0, 1, 2)).toThrow(
      new TypeError(`Cannot slice weights: they are ${dtype}, which is read as a whole; f32 can be cut`),
    );
    expect(() => tensor.reshape([33, 3])).toThrow(TypeError);
  });
});

test.each(["f16", "q8", "q4"] as const)("%s refuses what it cannot hold", (dtype) => {
  for (const value of [NaN, Infinity, -Infinity, 1e9]) {
    const values = random([2, 40]).with(75, value);
    expect(() => encodeWeights(values, [2, 40], dtype)).toThrow(/^Cannot store weights as .*not finite, or too large/);
  }
});

test("q8 and q4 say which shapes they have", () => {
  const device = new Device(new HostBackend());
  expect(() => device.empty([8], "q4")).toThrow(
    new TypeError('Cannot make a tensor: q4 weights are "out in" but the shape is [8]'),
  );
});

test("blocks take 34 and 18 bytes, rows are cut by eights", () => {
  expect([recordBytes("q8") / 8, recordBytes("q4") / 8]).toEqual([34, 18]);
  expect(byteLength("q4", [9, 33])).toBe(2 * 2 * 144);
  expect(rowUnit("q4", [9, 33])).toEqual({ rows: 8, bytes: 2 * 144 });
  expect(rowUnit("f16", [9, 33])).toEqual({ rows: 2, bytes: 132 });
});

test("q4 is not further off than the plain grid of its largest value, and mostly nearer", () => {
  const values = random([64, 256], 0.05);
  const decoded = decodeWeights(encodeWeights(values, [64, 256], "q4"), [64, 256], "q4");
  let searched = 0;
  let plain = 0;
  for (let first = 0; first < values.length; first += 32) {
    const block = values.subarray(first, first + 32);
    const peak = block.reduce((far, value) => (Math.abs(value) > Math.abs(far) ? value : far), 0);
    const d = peak / -8;
    block.forEach((value, i) => {
      searched += (decoded[first + i] - value) ** 2;
      plain += (d * (Math.min(15, Math.floor(value / d + 8.5)) - 8) - value) ** 2;
    });
  }
  expect(searched).toBeLessThan(0.95 * plain);
});

test.each(["q8", "q4"] as const)("%s goes to the blocks of GGUF and back, bit for bit", (dtype) => {
  const values = random([11, 96]);
  const bytes = encodeWeights(values, [11, 96], dtype);
  const stored = unpackBlocks(bytes, [11, 96], dtype);
  expect(packBlocks(stored, [11, 96], dtype)).toEqual(bytes);
  // dequantize_row_q8_0 and dequantize_row_q4_0 of ggml
  const size = dtype === "q8" ? 34 : 18;
  expect(stored.byteLength).toBe(11 * 3 * size);
  const decoded = decodeWeights(bytes, [11, 96], dtype);
  for (let block = 0; block < 33; block++) {
    const [d] = decodeWeights(stored.slice(block * size, block * size + 4), [1], "f16");
    const numbers = stored.subarray(block * size + 2, (block + 1) * size);
    for (let i = 0; i < 32; i++) {
      const q = dtype === "q8" ? (numbers[i] << 24) >> 24 : (i < 16 ? numbers[i] & 15 : numbers[i - 16] >> 4) - 8;
      expect(decoded[block * 32 + i]).toBe(Math.fround(d * q));
    }
  }
  expect(() => packBlocks(stored, [12, 88], dtype)).toThrow("rows of 88 are no whole number of blocks of 32");
});
