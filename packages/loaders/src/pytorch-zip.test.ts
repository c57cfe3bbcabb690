import fc from "fast-check";
import { readFile } from "node:fs/promises";
import { deflateRawSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { memorySource, type ByteSource } from "./bytes.ts";
import { openWeights } from "./open.ts";
import { openPytorchZip } from "./pytorch-zip.ts";

const golden = new URL("../../../golden/loaders/", import.meta.url);
const goldenFile = async (name: string) => new Uint8Array(await readFile(new URL(name, golden)));
type Expected = Record<string, Record<string, { dtype: string; shape: number[]; hex?: string; sha256?: string }>>;
const expected = JSON.parse(await readFile(new URL("expected.json", golden), "utf8")) as Expected;

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

interface Part {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly deflate?: boolean;
  /** The size that the headers tell, if not the true one. */
  readonly size?: number;
}

/** A zip archive of these parts. */
function zip(parts: readonly Part[]): Uint8Array {
  const pieces: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const { name, bytes, deflate, size = bytes.length } of parts) {
    const stored = deflate ? new Uint8Array(deflateRawSync(bytes)) : bytes;
    const label = new TextEncoder().encode(name);
    const local = new DataView(new ArrayBuffer(30));
    local.setUint32(0, 0x04034b50, true);
    local.setUint16(26, label.length, true);
    const central = new DataView(new ArrayBuffer(46));
    central.setUint32(0, 0x02014b50, true);
    central.setUint16(10, deflate ? 8 : 0, true);
    central.setUint32(20, deflate ? stored.length : size, true);
    central.setUint32(24, size, true);
    central.setUint16(28, label.length, true);
    central.setUint32(42, at, true);
    pieces.push(new Uint8Array(local.buffer), label, stored);
    directory.push(new Uint8Array(central.buffer), label);
    at += 30 + label.length + stored.length;
  }
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(10, parts.length, true);
  end.setUint32(
    12,
    directory.reduce((sum, piece) => sum + piece.length, 0),
    true,
  );
  end.setUint32(16, at, true);
  return new Uint8Array(Buffer.concat([...pieces, ...directory, new Uint8Array(end.buffer)]));
}

const text = (value: string) => [0x58, value.length, 0, 0, 0, ...new TextEncoder().encode(value)];
const global = (module: string, name: string) => [0x63, ...new TextEncoder().encode(`${module}\n${name}\n`)];
const int = (value: number) => [0x4a, value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255];
const tuple = (...items: number[][]) => [0x28, ...items.flat(), 0x74];

/** The pickle of `{"x": tensor}` over storage "0" of `count` float32. */
function tensorPickle({
  count = 4,
  offset = 0,
  shape = [4],
  strides = [1],
}: { count?: number; offset?: number; shape?: number[]; strides?: number[] } = {}): number[] {
  const storage = [
    ...tuple(text("storage"), global("torch", "FloatStorage"), text("0"), text("cpu"), int(count)),
    0x51,
  ];
  const sizes = (values: number[]) => tuple(...values.map(int));
  const tensor = [
    ...global("torch._utils", "_rebuild_tensor_v2"),
    ...tuple(storage, int(offset), sizes(shape), sizes(strides), [0x89], [0x7d]),
    0x52,
  ];
  return [0x80, 2, 0x7d, ...text("x"), ...tensor, 0x73, 0x2e];
}

const openPickle = (
  pickle: readonly number[],
  { data = new Uint8Array(16), ...more }: { data?: Uint8Array; deflate?: boolean } = {},
) =>
  openPytorchZip(
    memorySource(
      zip([
        { name: "a/data.pkl", bytes: new Uint8Array(pickle), ...more },
        { name: "a/data/0", bytes: data, ...more },
      ]),
      "x.bin",
    ),
  );

describe("reads what PyTorch wrote", () => {
  test.each(["tensors.pt", "tensors.protocol4.pt", "tensors.deflated.pt"])(
    "%s: every dtype, strides, shared storages",
    async (file) => {
      const weights = await openPytorchZip(memorySource(await goldenFile(file), file));
      const want = expected["tensors.pt"];
      expect(weights.format).toBe("pytorch");
      expect([...weights.tensors.keys()]).toEqual(Object.keys(want));
      for (const [name, { dtype, shape, hex: bytes }] of Object.entries(want)) {
        expect(weights.tensors.get(name), name).toMatchObject({ dtype, shape, byteLength: bytes!.length / 2 });
        expect(hex(await weights.read(name)), name).toBe(bytes);
        const chunks: Uint8Array[] = [];
        for await (const chunk of weights.chunks(name, { chunkBytes: 24 })) chunks.push(chunk);
        expect(
          chunks.every((chunk) => chunk.byteLength <= 24),
          name,
        ).toBe(true);
        expect(hex(Buffer.concat(chunks)), `${name} in chunks`).toBe(bytes);
      }
    },
  );

  test("the legacy format is refused with what to do", async () => {
    await expect(openWeights(memorySource(await goldenFile("legacy.pt"), "legacy.pt"))).rejects.toThrow(
      'Cannot read "legacy.pt": it is in the legacy format of torch.save; load it in PyTorch 1.6 or later and save it again',
    );
  });
});

describe("executes nothing", () => {
  test.each([
    [
      "a forbidden global",
      [0x80, 2, ...global("posix", "system"), ...tuple(text("true")), 0x52, 0x2e],
      'at byte 2, global "posix.system" is not allowed',
    ],
    [
      "a global of another case",
      [0x80, 2, ...global("torch", "load"), 0x2e],
      'at byte 2, global "torch.load" is not allowed',
    ],
    [
      "a global named on the stack",
      [0x80, 4, ...text("builtins"), ...text("eval"), 0x93, 0x2e],
      'at byte 24, global "builtins.eval" is not allowed',
    ],
    [
      "a name of JavaScript",
      [0x80, 2, ...global("constructor", "constructor"), 0x2e],
      'global "constructor.constructor" is not allowed',
    ],
    ["INST", [0x80, 2, 0x28, 0x69, 0x2e], "at byte 3, opcode INST is not allowed"],
    ["OBJ", [0x80, 2, 0x6f, 0x2e], "at byte 2, opcode OBJ is not allowed"],
    ["NEWOBJ", [0x80, 2, 0x29, 0x29, 0x81, 0x2e], "at byte 4, opcode NEWOBJ is not allowed"],
    ["EXT1", [0x80, 2, 0x82, 1, 0x2e], "at byte 2, opcode EXT1 is not allowed"],
    ["an opcode that does not exist", [0x80, 2, 0xff, 0x2e], "at byte 2, opcode 0xff is not allowed"],
    ["a call of data", [0x80, 2, 0x4e, 0x29, 0x52, 0x2e], "at byte 4, what is called is no function"],
    ["a call of a dtype", [0x80, 2, ...global("torch", "float32"), 0x29, 0x52, 0x2e], "what is called is no function"],
    ["attributes on a list", [0x80, 2, 0x5d, 0x7d, 0x62, 0x2e], "attributes are set on what is no dict"],
  ])("%s", async (_, pickle, message) => {
    const error = await openPickle(pickle).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(SyntaxError);
    expect((error as Error).message).toContain('Cannot read "x.bin/a/data.pkl": ');
    expect((error as Error).message).toContain(message);
  });
});

describe("refuses a malformed pickle", () => {
  test.each([
    ["nothing", [], "1 bytes are needed, and 0 are left"],
    ["an unknown protocol", [0x80, 9], "protocol 9 is unknown"],
    ["text beyond the end", [0x80, 2, 0x58, 0xff, 0xff, 0xff, 0xff], "4294967295 bytes are needed, and 0 are left"],
    ["a name without end", [0x80, 2, 0x63, ...Array<number>(400).fill(0x61)], "a name does not end within 256 bytes"],
    ["an empty stack", [0x80, 2, 0x2e], "the stack has fewer than 1 values"],
    ["a tuple of too little", [0x80, 2, 0x4e, 0x86], "the stack has fewer than 2 values"],
    ["no mark", [0x80, 2, 0x74], "there is no mark"],
    ["a value taken from before the mark", [0x80, 2, 0x4e, 0x28, 0x85], "the stack has fewer than 1 values"],
    ["a key without value", [0x80, 2, 0x7d, 0x28, 0x4e, 0x75], "a key has no value"],
    ["items in a list", [0x80, 2, 0x5d, 0x4e, 0x4e, 0x73], "items are set in what is no dict"],
    ["values in a tuple", [0x80, 2, 0x29, 0x4e, 0x61], "values are appended to what is no list"],
    ["a memo that was never put", [0x80, 2, 0x68, 7], "memo 7 was never put"],
    ["values left over", [0x80, 2, 0x4e, 0x4e, 0x2e], "it stops with 1 values too many"],
    ["a stack without bound", [0x80, 2, ...Array<number>(2 ** 20 + 1).fill(0x4e)], "its stack exceeds 1048576 values"],
    ["marks without bound", [0x80, 2, ...Array<number>(2 ** 20 + 1).fill(0x28)], "its stack exceeds 1048576 values"],
    ["no tensors", [0x80, 2, 0x7d, 0x2e], "it holds no state dict"],
    [
      "a dict that holds itself",
      [0x80, 2, 0x7d, 0x71, 0, ...text("model"), 0x68, 0, 0x73, 0x2e],
      "it holds no state dict",
    ],
  ])("%s", async (_, pickle, message) => {
    await expect(openPickle(pickle)).rejects.toThrow(message);
    await expect(openPickle(pickle)).rejects.toThrow(SyntaxError);
  });

  test.each([
    ["beyond its storage", { shape: [5] }, "a tensor [5] with strides [1] at 0 exceeds its storage of 16 bytes"],
    ["by its offset", { offset: 1 }, "a tensor [4] with strides [1] at 1 exceeds its storage of 16 bytes"],
    [
      "by its strides",
      { shape: [2, 2], strides: [3, 1] },
      "a tensor [2, 2] with strides [3, 1] at 0 exceeds its storage of 16 bytes",
    ],
    ["with a negative offset", { offset: -1 }, "the sizes of a tensor are malformed"],
    ["with a negative size", { shape: [-1] }, "the sizes of a tensor are malformed"],
    [
      "with sizes that overflow",
      { shape: [2 ** 31 - 1, 2 ** 31 - 1], strides: [0, 0] },
      "exceeds its storage of 16 bytes",
    ],
    ["with more strides than sizes", { strides: [1, 1] }, "the sizes of a tensor are malformed"],
    [
      "that repeats a small storage endlessly",
      { shape: [2 ** 30], strides: [0] },
      "repeats its storage of 16 bytes up to 4294967296",
    ],
    ["over a storage of another size", { count: 5 }, 'storage "0" has 16 bytes, but 5 of f32 are announced'],
  ])("a tensor %s", async (_, sizes, message) => {
    await expect(openPickle(tensorPickle(sizes))).rejects.toThrow(message);
  });
});

describe("refuses a malformed archive", () => {
  const data = { name: "a/data/0", bytes: new Uint8Array(16) };
  const pickle = { name: "a/data.pkl", bytes: new Uint8Array(tensorPickle()) };
  const open = (bytes: Uint8Array) => openPytorchZip(memorySource(bytes, "x.bin"));

  test("that is truncated, wherever it ends", async () => {
    const whole = zip([pickle, data]);
    await expect(open(whole)).resolves.toMatchObject({ format: "pytorch" });
    for (let length = 0; length < whole.length; length++) {
      await expect(open(whole.subarray(0, length))).rejects.toThrow(SyntaxError);
    }
  });

  test("without a pickle", () =>
    expect(open(zip([data]))).rejects.toThrow("holds no data.pkl, so it was not written by torch.save"));
  test("with a program", () =>
    expect(open(zip([pickle, { name: "a/constants.pkl", bytes: new Uint8Array(1) }]))).rejects.toThrow(
      "it is a TorchScript program",
    ));
  test("of the other byte order", () =>
    expect(open(zip([pickle, data, { name: "a/byteorder", bytes: new TextEncoder().encode("big") }]))).rejects.toThrow(
      'its byte order is "big"',
    ));
  test("with a name that stands twice", () =>
    expect(open(zip([pickle, data, data]))).rejects.toThrow('it holds the entry "a/data/0" twice'));
  test("without a storage", () => expect(open(zip([pickle]))).rejects.toThrow('storage "0" is not in the archive'));
  test("with an entry beyond the file", () =>
    expect(open(zip([pickle, { ...data, size: 2 ** 31 }]))).rejects.toThrow('the entry "a/data/0" exceeds the file'));
  test("that promises more than deflate can hold", () =>
    expect(open(zip([{ ...pickle, deflate: true, size: 2 ** 31 }, data]))).rejects.toThrow(
      /the entry "a\/data.pkl" cannot have 2147483648 bytes out of \d+/,
    ));
  test("that inflates to more than it says", () =>
    expect(open(zip([{ ...pickle, deflate: true, size: pickle.bytes.length - 1 }, data]))).rejects.toThrow(
      SyntaxError,
    ));
  test("that inflates to less than it says", () =>
    expect(open(zip([{ ...pickle, deflate: true, size: pickle.bytes.length + 1 }, data]))).rejects.toThrow(
      "before its",
    ));
});

test.each(["tensors.pt", "tensors.protocol4.pt", "tensors.deflated.pt"])(
  "any damage of %s gives tensors or a typed error, and reads within bounds",
  async (file) => {
    const whole = await goldenFile(file);
    const flip = fc.record({ at: fc.nat(whole.length - 1), to: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(fc.array(flip, { minLength: 1, maxLength: 3 }), async (flips) => {
        const bytes = whole.slice();
        for (const { at, to } of flips) bytes[at] = to;
        const memory = memorySource(bytes, "x.bin");
        let largest = 0;
        const counted: ByteSource = {
          ...memory,
          read: (offset, length) => ((largest = Math.max(largest, length)), memory.read(offset, length)),
        };
        try {
          const weights = await openPytorchZip(counted);
          for (const [name, { byteLength }] of weights.tensors) {
            expect(byteLength).toBeLessThanOrEqual(16 * 2 ** 20);
            expect((await weights.read(name)).byteLength).toBe(byteLength);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(SyntaxError);
          expect((error as Error).message).toMatch(/^Cannot read "x\.bin/);
        }
        expect(largest).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: file === "tensors.deflated.pt" ? 150 : 600 },
    );
  },
);
