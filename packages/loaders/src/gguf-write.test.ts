import { join } from "node:path";
import { encodeWeights, unpackBlocks } from "@elapid/tensor";
import { describe, expect, test } from "vitest";
import { ggufHeader } from "./gguf-write.ts";
import { openFile } from "./file.ts";
import { openSafetensors } from "./safetensors.ts";
import { toFloat32 } from "./dtype.ts";

const blocks = join(import.meta.dirname, "../../../golden/gguf/blocks.safetensors");

describe.each([
  ["q8", "q8_0"],
  ["q4", "q4_0"],
] as const)("blocks of %s", (dtype, type) => {
  test("of numbers on the grid are the bytes of gguf-py", async () => {
    const weights = await openSafetensors(await openFile(blocks));
    const shape = [4, 512] as const;
    const values = toFloat32(await weights.read(`${type}.values`), "f32");
    const ours = unpackBlocks(encodeWeights(values, shape, dtype), shape, dtype);
    expect(Buffer.from(ours).equals(await weights.read(`${type}.bytes`))).toBe(true);
    await weights.close();
  });
});

test("the header begins every tensor at a multiple of 32", () => {
  const tensors = [
    { name: "a", dtype: "f32", shape: [3] },
    { name: "b", dtype: "q4", shape: [2, 64] },
  ] as const;
  const { start, paddings } = ggufHeader({ "general.architecture": { string: "mamba" } }, tensors);
  expect(start.byteLength % 32).toBe(0);
  expect(paddings).toEqual([20, 24]);
  // name, rank 2, sizes with the fastest first, type Q4_0, offset
  const view = Buffer.from(start);
  const at = view.indexOf("b", view.indexOf("a") + 1 + 24);
  const fields = view.subarray(view.lastIndexOf("b") + 1);
  expect(at).toBeGreaterThan(0);
  expect([
    fields.readUInt32LE(0),
    fields.readBigUInt64LE(4),
    fields.readBigUInt64LE(12),
    fields.readUInt32LE(20),
  ]).toEqual([2, 64n, 2n, 2]);
  expect(fields.readBigUInt64LE(24)).toBe(32n);
});

test("rows that are no whole blocks are refused by name", () => {
  expect(() => ggufHeader({}, [{ name: "x", dtype: "q8", shape: [2, 40] }])).toThrow(
    new RangeError('Cannot write GGUF: tensor "x" is q8 but its rows of 40 are no multiple of 32'),
  );
});
