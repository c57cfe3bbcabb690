import { existsSync } from "node:fs";
import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { experiments } from "./registry.ts";
import { study } from "./runner/study.ts";

const pages = join(import.meta.dirname, "../docs/study");
const files = { small: "results.json", large: "results.large.json" };
const measured = Object.keys(experiments).filter((name) =>
  Object.values(files).some((file) => existsSync(join(pages, name, file))),
);

test("there are results", () => {
  expect(measured.length).toBeGreaterThan(0);
});

test.each(measured)("the page of %s says what its results say, and has a place for all of it", async (name) => {
  const out = await mkdtemp(join(tmpdir(), "elapid-page-"));
  try {
    await cp(join(pages, name), join(out, name), { recursive: true });
    const said: string[] = [];
    for (const preset of ["small", "large"] as const) {
      if (!existsSync(join(pages, name, files[preset]))) continue;
      const options = {
        name,
        parts: [],
        out,
        preset,
        seeds: undefined,
        threads: undefined,
        text: undefined,
        data: undefined,
      };
      const open = () => Promise.reject(new Error("nothing is measured"));
      await study(await experiments[name](), { ...options, open, progress: (line) => said.push(line) });
    }
    expect(said).toEqual([]);
    for (const file of await readdir(join(pages, name))) {
      const [before, after] = [pages, out].map((folder) => readFile(join(folder, name, file), "utf8"));
      expect([file, (await before) === (await after)]).toEqual([file, true]);
    }
  } finally {
    await rm(out, { recursive: true });
  }
});

test("every experiment has a page and a README", () => {
  const lacking = Object.keys(experiments).filter(
    (name) =>
      ![join(pages, name), join(import.meta.dirname, name)].every((folder) => existsSync(join(folder, "README.md"))),
  );
  expect(lacking).toEqual([]);
});
