import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import type { ModelLocation } from "./locate.ts";
import { writeSafetensors } from "./safetensors-write.ts";
import { openModelFiles } from "./source.ts";

const golden = new URL("../../../golden/loaders/", import.meta.url);
const small = writeSafetensors({ x: { dtype: "u8", shape: [2], data: new Uint8Array([1, 2]) } });
const openWeightsOf = async (location: ModelLocation) => (await openModelFiles(location)).weights();

describe("refuses an index", () => {
  const indexed = (map: unknown, files: Record<string, Uint8Array> = {}) =>
    openWeightsOf({
      files: { "model.safetensors.index.json": new TextEncoder().encode(JSON.stringify(map)), ...files },
    });

  test.each([
    ["without a map", {}, "it has no weight_map"],
    ["of nothing", { weight_map: {} }, "its weight_map is empty"],
    ["whose file is no text", { weight_map: { x: 1 } }, 'the file of tensor "x" is no text'],
    [
      "whose shard is missing",
      { weight_map: { x: "a", y: "b" } },
      'it names "b" for tensor "y", and there is no such file',
    ],
    [
      "whose shard lacks the tensor",
      { weight_map: { x: "a", z: "a" } },
      'it names "a" for tensor "z", which is not in there',
    ],
  ])("%s", async (_, index, message) => {
    await expect(indexed(index, { a: small })).rejects.toThrow(SyntaxError);
    await expect(indexed(index, { a: small })).rejects.toThrow(
      `Cannot read "model.safetensors.index.json": ${message}`,
    );
  });

  test.each(["../secret", "/etc/passwd", "a/../../b", "C:\\x", "a//b", ""])(
    "that leads out of the folder: %j",
    async (file) => {
      await expect(indexed({ weight_map: { x: file } })).rejects.toThrow(
        /^Cannot open ".*": it is no name of a file in "the given files"$/,
      );
    },
  );

  test("whose shard is damaged", async () => {
    const index = { weight_map: { x: "a", y: "b" } };
    await expect(indexed(index, { a: small, b: small.subarray(0, 20) })).rejects.toThrow(
      'Cannot read "b": header length',
    );
  });
});

test("an index of PyTorch files opens like one of safetensors", async () => {
  const index = { weight_map: { "dtype.f32": "one.bin", "tied.head": "two.bin" } };
  const bytes = new Uint8Array(await readFile(new URL("tensors.pt", golden)));
  const files = {
    "pytorch_model.bin.index.json": new Blob([JSON.stringify(index)]),
    "one.bin": bytes,
    "two.bin": bytes,
  };
  const weights = await openWeightsOf({ files });
  expect([...weights.tensors.keys()]).toEqual(["dtype.f32", "tied.head"]);
  const expected = JSON.parse(await readFile(new URL("expected.json", golden), "utf8")) as Record<
    string,
    Record<string, { hex: string }>
  >;
  const head = await weights.read("tied.head");
  expect(Buffer.from(head).toString("hex")).toBe(expected["tensors.pt"]["tied.head"].hex);
});
