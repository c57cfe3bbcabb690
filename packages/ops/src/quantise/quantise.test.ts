import { wasmBackends } from "@elapid/testing";
import { decodeWeights, Device, encodeWeights, HostBackend, randomSource } from "@elapid/tensor";
import { describe, expect, test } from "vitest";
import { quantise, quantiseOp } from "./quantise.ts";

const shapes: readonly (readonly [number, number])[] = [
  [1, 1],
  [3, 63],
  [8, 32],
  [65, 257],
  [300, 96], // enough for several threads
];

function draw([out, inner]: readonly [number, number]): Float32Array {
  const source = randomSource(out * inner);
  return Float32Array.from({ length: out * inner }, () => source.next() + source.next() + source.next() - 1.5);
}

const squares = (values: Float32Array) => values.reduce((sum, value) => sum + value * value, 0);

describe.each(wasmBackends())("quantise on $name", ({ device }) => {
  describe.each(["q8", "q4"] as const)("%s", (dtype) => {
    test.each(shapes)(
      "is as near to the weights as the reference at %i x %i, in nearly all blocks the same",
      async (out, inner) => {
        const values = draw([out, inner]);
        const exact = encodeWeights(values, [out, inner], dtype);
        const bytes = await quantise(await device(), values, [out, inner], dtype);
        expect(bytes.byteLength).toBe(exact.byteLength);
        expect(bytes.filter((byte, i) => byte !== exact[i]).length).toBeLessThanOrEqual(0.02 * bytes.length);
        const error = (stored: Uint8Array) =>
          squares(decodeWeights(stored, [out, inner], dtype).map((value, i) => value - values[i]));
        expect(error(bytes)).toBeLessThanOrEqual(1.001 * error(exact) + 1e-12);
      },
    );

    test("keeps what is on the grid, and zeros", async () => {
      const end = dtype === "q4" ? 8 : 127;
      const grid = Float32Array.from({ length: 16 * 64 }, (_, i) => (i % 32 === 5 ? -end : (i * 7) % end) * 2 ** -5);
      expect(decodeWeights(await quantise(await device(), grid, [16, 64], dtype), [16, 64], dtype)).toEqual(grid);
      const zeros = new Float32Array(5 * 33);
      expect(decodeWeights(await quantise(await device(), zeros, [5, 33], dtype), [5, 33], dtype)).toEqual(zeros);
    });

    test("refuses what is not finite, or too large", async () => {
      for (const bad of [NaN, Infinity, -Infinity, 1e9]) {
        const values = draw([9, 40]).with(333, bad);
        await expect(quantise(await device(), values, [9, 40], dtype)).rejects.toThrow(
          /^Cannot store weights as .*not finite, or too large/,
        );
      }
    });
  });
});

test("its reference gives the bytes of encodeWeights", async () => {
  const device = new Device(new HostBackend());
  const values = draw([9, 40]);
  const { words } = quantiseOp({ weight: device.tensor(values, [9, 40]) }, { bits: 4 });
  const bytes = new Uint8Array(Int32Array.from(await words.data()).buffer);
  expect(bytes).toEqual(encodeWeights(values, [9, 40], "q4"));
});
