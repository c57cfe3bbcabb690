import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeWholeFile, writeWholeFolder, type Pieces } from "./file-write.ts";

let place = "";
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "elapid-write-"));
});
afterEach(() => rmSync(place, { recursive: true }));

const bytes = (text: string) => new TextEncoder().encode(text);

/** Pieces of which the second one fails. */
async function* broken() {
  yield bytes("begun");
  throw new RangeError("no more");
}

test("a file appears whole, in folders that are made for it", async () => {
  const path = join(place, "a/b/c.bin");
  await writeWholeFile(path, [bytes("one "), bytes("two")]);
  expect(readFileSync(path, "utf8")).toBe("one two");
  expect(readdirSync(join(place, "a/b"))).toEqual(["c.bin"]);
});

test("a failure in the middle leaves what was there", async () => {
  const path = join(place, "c.bin");
  await expect(writeWholeFile(path, broken())).rejects.toThrow(new RangeError("no more"));
  expect(readdirSync(place)).toEqual([]);
  writeFileSync(path, "old");
  await expect(writeWholeFile(path, broken(), { force: true })).rejects.toThrow("no more");
  expect(readFileSync(path, "utf8")).toBe("old");
  const files = new Map<string, Pieces>([
    ["x", [bytes("x")]],
    ["y", broken()],
  ]);
  await expect(writeWholeFolder(join(place, "d"), files)).rejects.toThrow("no more");
  expect(readdirSync(place)).toEqual(["c.bin"]);
});

test("an abort between pieces leaves nothing", async () => {
  const control = new AbortController();
  const path = join(place, "c.bin");
  async function* pieces() {
    yield bytes("begun");
    control.abort(new Error("enough"));
    yield bytes("more");
  }
  await expect(writeWholeFile(path, pieces(), { signal: control.signal })).rejects.toThrow("enough");
  expect(readdirSync(place)).toEqual([]);
});

test("a place that cannot be written to is named with the reason", async () => {
  writeFileSync(join(place, "file"), "");
  const path = join(place, "file/model");
  await expect(writeWholeFile(path, [])).rejects.toThrow(/Cannot write ".*model": a part of the path is a file/);
});

test("a folder that can never be made is named with the reason, and others are made with those above them", async () => {
  await expect(writeWholeFile("/proc/none/model", [])).rejects.toThrow(/Cannot write "\/proc\/none\/model"/);
  const path = join(place, "a/b/c/model");
  await writeWholeFile(path, []);
  expect(readdirSync(join(place, "a/b/c"))).toEqual(["model"]);
});
