import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readText, splitDocuments } from "./text.ts";

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

describe.each([
  ["plain", (bytes: Uint8Array) => bytes],
  ["gzipped", (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes))],
])("readText, %s", (_, pack) => {
  test("gives the text", () =>
    fc.assert(
      fc.asyncProperty(fc.string({ unit: fc.constantFrom("a", "é", "🐍", "\n", " ") }), async (text) => {
        expect((await all(readText(pack(new TextEncoder().encode(text))))).join("")).toBe(text);
      }),
    ));

  test("gives a long text in pieces that end with a line", async () => {
    const text = "Once upon a time there was a snake: 🐍.\n".repeat(100_000);
    const pieces = await all(readText(pack(new TextEncoder().encode(text))));
    expect(pieces.length).toBeGreaterThan(2);
    expect(pieces.every((piece) => piece.endsWith(".\n"))).toBe(true);
    expect(pieces.join("")).toBe(text);
  });

  test("may be left early", async () => {
    for await (const piece of readText(pack(new TextEncoder().encode("one\n".repeat(1_000_000))))) {
      expect(piece.startsWith("one\n")).toBe(true);
      break;
    }
  });

  test("names the file that is no text", async () => {
    const blob = (bytes: Uint8Array) => new File([pack(bytes) as Uint8Array<ArrayBuffer>], "data.txt");
    await expect(all(readText(blob(Uint8Array.of(65, 0xff, 66))))).rejects.toThrow(
      new SyntaxError('Cannot read "data.txt": it is not UTF-8 text'),
    );
    await expect(all(readText(blob(Uint8Array.of(65, 0, 66))))).rejects.toThrow("it is binary");
    await expect(all(readText(blob(Uint8Array.of(65, 0xf0, 0x9f))))).rejects.toThrow("it is not UTF-8 text");
  });
});

test("says that a gzipped file ends early", async () => {
  const whole = gzipSync(new TextEncoder().encode("Once upon a time. ".repeat(100)));
  await expect(all(readText(new Uint8Array(whole.subarray(0, whole.length - 20))))).rejects.toThrow(
    new SyntaxError('Cannot read "memory": its gzip compression is damaged or ends early'),
  );
});

test("documents are the same wherever the pieces are cut", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: fc.constantFrom("a", "<", ">", " "), maxLength: 5 })),
      fc.array(fc.nat(60)),
      async (documents, cuts) => {
        const text = documents.join("<|end|>");
        const at = [0, ...cuts.filter((cut) => cut < text.length).toSorted((a, b) => a - b), text.length];
        async function* pieces() {
          for (let i = 1; i < at.length; i++) yield text.slice(at[i - 1], at[i]);
        }
        const wanted = text.split("<|end|>").map((document) => document.trim());
        expect(await all(splitDocuments(pieces(), "<|end|>"))).toEqual(wanted.filter((document) => document !== ""));
      },
    ),
  ));
