import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { readDocuments, type ReadDocumentsOptions } from "./documents.ts";

async function documentsOf(files: Readonly<Record<string, string | Uint8Array>>, options?: ReadDocumentsOptions) {
  const folder = mkdtempSync(join(tmpdir(), "elapid-documents-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  const paths = Object.keys(files).map((name) => join(folder, name));
  const documents: string[] = [];
  for await (const document of readDocuments(paths, options)) documents.push(document);
  return documents;
}

test("reads text, JSON lines and both gzipped, in order", async () => {
  const lines = '{"text":"one\\ntwo"}\n\n{"id":1,"text":"three"}';
  const long = JSON.stringify({ text: "x".repeat(3 * 2 ** 20) });
  const files = {
    "a.txt": "first <|endoftext|> second",
    "b.jsonl": lines,
    "c.jsonl.gz": gzipSync(`${long}\n${lines}\n`),
    "d.txt.gz": gzipSync("last"),
  };
  const documents = await documentsOf(files);
  expect(documents.map((text) => (text.length > 99 ? text.length : text))).toEqual([
    ...["first", "second", "one\ntwo", "three"],
    ...[3 * 2 ** 20, "one\ntwo", "three", "last"],
  ]);
  expect(await documentsOf({ "a.txt": "1##2" }, { separator: "##" })).toEqual(["1", "2"]);
  expect(await documentsOf({ "a.jsonl": '{"body":"b"}' }, { field: "body" })).toEqual(["b"]);
});

test.each([
  ['{"text":"a"}\n\n{"text":', SyntaxError, /^Cannot read line 3 of ".*a\.jsonl": /],
  ['{"body":"a"}', TypeError, /"text" is missing but text was needed$/],
  ["null", TypeError, /^Cannot read line 1 of/],
  ['{"text":7}', TypeError, /"text" is number but text/],
  ["\0", SyntaxError, /it is binary, not text/],
])("refuses %j", async (content, type, message) => {
  const error: unknown = await documentsOf({ "a.jsonl": content }).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(type);
  expect((error as Error).message).toMatch(message);
});
