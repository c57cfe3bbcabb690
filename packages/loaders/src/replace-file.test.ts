import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { replaceFile } from "./replace-file.ts";

const folder = mkdtempSync(join(tmpdir(), "elapid-replace-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("a file is there whole, in the place of the one before and of what a run left that was killed", async () => {
  const path = join(folder, "whole");
  writeFileSync(path, "the one before, which is longer");
  writeFileSync(`${path}.partial`, "half of something else, longer still");
  await replaceFile(path, ["one ", new TextEncoder().encode("two")]);
  expect(readFileSync(path, "utf8")).toBe("one two");
  expect(readdirSync(folder)).toEqual(["whole"]);
});

test("what goes wrong on the way leaves what was there, and nothing else", async () => {
  const path = join(folder, "whole");
  writeFileSync(path, "before");
  const broken = function* () {
    yield "half";
    throw new RangeError("no more");
  };
  await expect(replaceFile(path, broken())).rejects.toThrow(
    `Cannot write "${path}": no more; what was there before is unchanged`,
  );
  symlinkSync("/dev/full", `${path}.partial`);
  await expect(replaceFile(path, ["x"])).rejects.toThrow(/Cannot write ".*": ENOSPC/);
  await expect(replaceFile(join(folder, "none", "file"), [])).rejects.toThrow(/Cannot write ".*file": ENOENT/);
  expect(readFileSync(path, "utf8")).toBe("before");
  expect(readdirSync(folder)).toEqual(["whole"]);
});
