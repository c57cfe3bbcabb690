import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { memorySource, type ByteSource } from "./bytes.ts";
import { openSafetensors } from "./safetensors.ts";
import { safetensorsPieces, writeSafetensors, type TensorData } from "./safetensors-write.ts";

const open = (bytes: Uint8Array) => openSafetensors(memorySource(bytes, "x.safetensors"));

/** A file with a header as given and `dataBytes` bytes of data. */
function file(header: unknown, dataBytes: number, headerLength?: bigint): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, headerLength ?? BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const f32 = (shape: unknown, begin: unknown, end: unknown) => ({ dtype: "F32", shape, data_offsets: [begin, end] });

const sample: Record<string, TensorData> = {
  "a.weight": { dtype: "f32", shape: [2, 3], data: new Float32Array([1, 2, 3, 4, 5, 6]) },
  mask: { dtype: "bool", shape: [3], data: new Uint8Array([1, 0, 1]) },
  half: { dtype: "f16", shape: [], data: new Uint16Array([0x3c00]) },
  empty: { dtype: "i64", shape: [0, 4], data: new BigInt64Array(0) },
};

test("reads back what was written", async () => {
  const weights = await open(writeSafetensors(sample, { format: "elapid" }));
  expect(weights.format).toBe("safetensors");
  expect(weights.metadata).toEqual({ format: "elapid" });
  expect(new Set(weights.tensors.keys())).toEqual(new Set(Object.keys(sample)));
  for (const [name, { dtype, shape, data }] of Object.entries(sample)) {
    expect(weights.tensors.get(name)).toMatchObject({ dtype, shape, byteLength: data.byteLength });
    expect(await weights.read(name)).toEqual(new Uint8Array(data.buffer));
  }
  await weights.close();
});

test("hands out a tensor in chunks of whole elements", async () => {
  const data = Float32Array.from({ length: 100 }, (_, i) => i);
  const weights = await open(writeSafetensors({ x: { dtype: "f32", shape: [100], data } }));
  const sizes: number[] = [];
  const values: number[] = [];
  for await (const chunk of weights.chunks("x", { chunkBytes: 99 })) {
    sizes.push(chunk.byteLength);
    values.push(...new Float32Array(chunk.slice().buffer));
  }
  expect(sizes).toEqual([96, 96, 96, 96, 16]);
  expect(values).toEqual([...data]);
});

test("reads chunks into a buffer, no larger than it", async () => {
  const data = Float32Array.from({ length: 100 }, (_, i) => i);
  const file = new Blob([new Uint8Array(writeSafetensors({ x: { dtype: "f32", shape: [100], data } }))]);
  const weights = await openSafetensors(memorySource(file, "x.safetensors"));
  const buffer = new Uint8Array(130);
  const values: number[] = [];
  for await (const chunk of weights.chunks("x", { buffer })) {
    expect(chunk.byteLength).toBeLessThanOrEqual(128);
    values.push(...new Float32Array(chunk.slice().buffer));
  }
  expect(values).toEqual([...data]);
  expect(() => weights.chunks("x", { buffer: new Uint8Array(7) })).toThrow(
    'Cannot read tensor "x": a chunk has 7 bytes, at least 8 are needed',
  );
});

test("an unknown tensor is named", async () => {
  const weights = await open(writeSafetensors(sample));
  await expect(weights.read("b.weight")).rejects.toThrow(
    'Cannot read tensor "b.weight": "x.safetensors" holds none of this name',
  );
});

test("__proto__ is a name like any other", async () => {
  const weights = await open(file('{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1));
  expect([...weights.tensors.keys()]).toEqual(["__proto__"]);
});

describe("refuses", () => {
  const one = { x: f32([2], 0, 8) };
  test.each([
    ["no header", new Uint8Array(7), "its 7 bytes are too few"],
    ["a header length beyond the file", file(one, 8, 9000n), "header length 9000 exceeds the file's 70 bytes"],
    [
      "a header length beyond all numbers",
      file(one, 8, 2n ** 64n - 1n),
      "header length 18446744073709551615 exceeds the file's 70 bytes",
    ],
    ["malformed JSON", file('{"x":', 8), "its JSON is malformed"],
    [
      "an HTML page",
      new TextEncoder().encode("<!DOCTYPE html><html></html>"),
      "header length 5789751444030890300 exceeds",
    ],
    ["text that is not UTF-8", file('{"\u00e9": 1}', 0, 3n), "its text is not UTF-8"],
    ["a header that is a list", file("[]", 0), "its header is no JSON object"],
    ["an entry that is no object", file({ x: 3 }, 8), 'tensor "x" has dtype "undefined"'],
    [
      "an unknown dtype",
      file({ x: { ...one.x, dtype: "F8_E4M3" } }, 8),
      'tensor "x" has dtype "F8_E4M3", known are F64, F32',
    ],
    [
      "a dtype deeper than the stack",
      file(`{"x":{"dtype":${"[".repeat(1e5)}${"]".repeat(1e5)}}}`, 0),
      'tensor "x" has dtype "[{…}]", known are',
    ],
    ["a shape that is no list", file({ x: f32("2", 0, 8) }, 8), 'tensor "x" has shape "2"'],
    ["a negative size", file({ x: f32([-2], 0, 8) }, 8), 'tensor "x" has shape "[-2]"'],
    ["a broken size", file({ x: f32([0.5], 0, 2) }, 8), 'tensor "x" has shape "[0.5]"'],
    ["a huge size", file({ x: f32([2 ** 60], 0, 8) }, 8), 'tensor "x" has shape'],
    [
      "sizes whose product overflows",
      file({ x: f32([2 ** 32, 2 ** 32], 0, 0) }, 0),
      'tensor "x" has shape "[4294967296, 4294967296]"',
    ],
    [
      "a shape that does not fit its bytes",
      file({ x: f32([3], 0, 8) }, 8),
      'tensor "x" has 8 bytes, but F32 [3] takes 12',
    ],
    ["offsets in the wrong order", file({ x: f32([2], 8, 0) }, 8), 'tensor "x" has data_offsets "[8, 0]"'],
    ["negative offsets", file({ x: f32([2], -8, 0) }, 8), 'tensor "x" has data_offsets "[-8, 0]"'],
    ["three offsets", file({ x: { ...one.x, data_offsets: [0, 8, 8] } }, 8), 'tensor "x" has data_offsets "[0, 8, 8]"'],
    [
      "offsets beyond the file",
      file({ x: f32([2], 0, 8) }, 7),
      'tensor "x" ends at byte 8 of the data, which has 7; the file may be truncated',
    ],
    [
      "overlapping tensors",
      file({ x: f32([2], 0, 8), y: f32([2], 4, 12) }, 12),
      'tensor "y" begins at byte 4 of the data, inside tensor "x"',
    ],
    ["a gap", file({ x: f32([2], 0, 8), y: f32([1], 12, 16) }, 16), "bytes 8 to 12 of the data belong to no tensor"],
    ["bytes after the last tensor", file(one, 9), "bytes 8 to 9 of the data belong to no tensor"],
    [
      "a name that stands twice",
      file(
        '{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0078" : {"dtype":"U8","shape":[1],"data_offsets":[1,2]}}',
        2,
      ),
      'its header holds "x" twice',
    ],
    [
      "metadata that is no text",
      file({ __metadata__: { a: 1 }, ...one }, 8),
      "its __metadata__ is no object of strings",
    ],
  ])("%s", async (_, bytes, message) => {
    const error = await open(bytes).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(SyntaxError);
    expect((error as Error).message).toContain(`Cannot read "x.safetensors": ${message}`);
  });

  test("a truncated file, wherever it ends", async () => {
    const whole = writeSafetensors(sample);
    for (let length = 0; length < whole.length; length++) {
      await expect(open(whole.subarray(0, length)), `${length} bytes`).rejects.toThrow(SyntaxError);
    }
  });

  test("to write what does not fit", () => {
    expect(() => writeSafetensors({ x: { dtype: "f32", shape: [3], data: new Float32Array(2) } })).toThrow(
      'tensor "x" has 8 bytes, not those of f32 [3]',
    );
    expect(() => [
      ...safetensorsPieces({ __metadata__: { dtype: "u8", shape: [0], data: new Uint8Array(0) } }),
    ]).toThrow('a tensor cannot be named "__metadata__"');
  });
});

test("any damage gives tensors inside the file or a SyntaxError, and reads nothing beyond it", async () => {
  const whole = writeSafetensors(sample, { note: "a header to damage" });
  const flip = fc.record({ at: fc.nat(whole.length - 1), to: fc.nat(255) });
  await fc.assert(
    fc.asyncProperty(fc.array(flip, { minLength: 1, maxLength: 4 }), async (flips) => {
      const bytes = whole.slice();
      for (const { at, to } of flips) bytes[at] = to;
      const memory = memorySource(bytes, "x.safetensors");
      let asked = 0;
      const counted: ByteSource = {
        ...memory,
        read: (offset, length) => ((asked += length), memory.read(offset, length)),
      };
      try {
        const weights = await openSafetensors(counted);
        for (const [name, { byteLength }] of weights.tensors) {
          expect((await weights.read(name)).byteLength).toBe(byteLength);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(SyntaxError);
        expect((error as Error).message).toMatch(/^Cannot read "x\.safetensors": /);
      }
      expect(asked).toBeLessThanOrEqual(bytes.length);
    }),
    { numRuns: 2000 },
  );
});
