import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDevice } from "elapid";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Experiment } from "./runner/experiment.ts";
import { lines } from "./runner/figure.ts";
import { locked } from "./runner/lock.ts";
import { groups, pivot } from "./runner/table.ts";
import { exponent } from "./runner/timing.ts";
import { study, type Results } from "./runner/study.ts";

let out = "";
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), "elapid-study-"));
});
afterEach(() => rm(out, { recursive: true }));

type Squares = { readonly squares: readonly { readonly part: string; readonly x: number; readonly y: number }[] };

/** Squares numbers on a device; each part scales them. */
const squares = {
  summary: "squares",
  parts: ["once", "thrice"],
  async run(part, { open, seeds = 1 }) {
    using device = await open();
    const scale = part === "once" ? 1 : 3;
    using x = device.tensor([1, 2, 1 / 3], [3]);
    using y = x.mul(x);
    const values = await y.data();
    return { squares: [...values].map((value, i) => ({ part, x: i + seeds, y: scale * Number(value) })) };
  },
  report: ({ squares = [] }: Partial<Squares>) => ({
    tables: [{ name: "squares", rows: squares }],
    figures: [
      {
        name: "curve",
        caption: "Squares & more",
        rows: squares,
        draw: lines({ x: { key: "x", label: "x (m)" }, y: { key: "y", label: "y (m²)", type: "log" }, series: "part" }),
      },
    ],
  }),
} satisfies Experiment as Experiment;

function run(parts: readonly string[], seeds?: number, preset: "small" | "large" = "small") {
  const said: string[] = [];
  const open = () => openDevice("host");
  const options = {
    name: "squares",
    parts,
    out,
    preset,
    seeds,
    threads: undefined,
    text: undefined,
    data: undefined,
    open,
  };
  return study(squares, { ...options, progress: (line) => said.push(line) }).then((results) => ({ results, said }));
}

const read = (file: string) => readFile(join(out, "squares", file), "utf8");

test("tables, figures and numbers are written where a page has places for them", async () => {
  const { results, said } = await run(squares.parts);
  expect(said).toEqual(["squares: once", "squares: thrice"]);
  expect(results.tables[0].rows).toHaveLength(6);
  expect(results.tables[0].rows[5]).toEqual({ part: "thrice", x: 3, y: 0.333333 });
  expect(JSON.parse(await read("results.json"))).toEqual(results);
  const page = await read("README.md");
  expect(page).toMatch(/Printed by `npm run study -- squares` \(host.*; .*Node \d+.*; \d{4}-\d\d-\d\d\)\./);
  expect(page).toContain("| part | x | y |\n| --- | --- | --- |\n| once | 1 | 1 |\n");
  expect(page).toContain("| thrice | 3 | 0.333 |");
  expect(page).toContain("![Squares & more](curve.svg)");
  const svg = await read("curve.svg");
  for (const text of ["x (m)", "y (m²)", " once<", " thrice<", "Squares &amp; more", "prefers-color-scheme: dark"]) {
    expect(svg).toContain(text);
  }
});

test("a part that runs again replaces its own results alone, and only the blocks of a page change", async () => {
  await run(squares.parts);
  const page = `# Mine\n\nBefore.\n\n${(await read("README.md")).split("\n").slice(1).join("\n")}\nAfter.\n`;
  await writeFile(join(out, "squares/README.md"), page);
  const { results } = await run(["thrice"], 10);
  expect(squaresOf(results).map(({ x }) => x)).toEqual([1, 2, 3, 10, 11, 12]);
  const after = await read("README.md");
  expect(after).toMatch(/^# Mine\n\nBefore\.\n[^]*\| thrice \| 12 \| 0\.333 \|[^]*\nAfter\.\n$/);
  expect(after).toContain("--seeds 10");
});

test("results of the large preset stand beside the small ones; what a page lacks a place for is said", async () => {
  await run(["once"]);
  const before = await read("results.json");
  const { said } = await run(["once"], undefined, "large");
  expect(await read("results.json")).toBe(before);
  expect(JSON.parse(await read("results.large.json"))).toMatchObject({ preset: "large" });
  expect(await read("curve.large.svg")).toContain("<svg");
  expect(said.filter((line) => line.includes("has no place for it"))).toHaveLength(3);
});

/** Answers with numbers that tell when they were measured. */
const numbered = (run: number) =>
  ({
    summary: "numbers",
    parts: ["one"],
    bySeed: true,
    run: async (_, { seed, seeds = 2 }) => ({
      runs: (seed === undefined ? Array.from({ length: seeds }, (_, i) => i + 1) : [seed]).map((each) => ({
        seed: each,
        run,
      })),
      texts: [{ run }],
    }),
    report: () => ({ tables: [], figures: [] }),
  }) satisfies Experiment;

function measureSeed(run: number, seed?: number) {
  const options = { name: "numbers", parts: ["one"], out, preset: "small", seeds: undefined, seed } as const;
  const open = () => openDevice("host");
  return study(numbered(run), {
    ...options,
    threads: undefined,
    text: undefined,
    data: undefined,
    open,
    progress: () => {},
  });
}

test("seeds that are measured alone join those that there are, also side by side", async () => {
  await measureSeed(1);
  const again = await measureSeed(2, 1);
  expect(again.parts.one.data).toEqual({
    runs: [
      { seed: 1, run: 2 },
      { seed: 2, run: 1 },
    ],
    texts: [{ run: 2 }],
  });
  await Promise.all([3, 4, 5, 6].map((seed) => measureSeed(3, seed)));
  const { parts } = JSON.parse(await readFile(join(out, "numbers/results.json"), "utf8")) as Results;
  expect(parts.one.data.runs.map((row) => (row as { readonly seed: number }).seed)).toEqual([1, 2, 3, 4, 5, 6]);
});

test("what is locked runs one after the other, also after an error", async () => {
  const said: string[] = [];
  const slow = (name: string) => async () => {
    said.push(name);
    await new Promise((resolve) => setTimeout(resolve, 20));
    said.push(name);
    if (name === "a") throw new Error("a");
  };
  const file = join(out, "file");
  await Promise.allSettled(["a", "b", "c"].map((name) => locked(file, slow(name))));
  expect(said.filter((_, i) => i % 2 === 0)).toEqual(said.filter((_, i) => i % 2 === 1));
  expect(said).toHaveLength(6);
});

test("what was never measured cannot be drawn", async () => {
  await expect(run([])).rejects.toThrow(/Cannot draw "squares": ".*results\.json" has no results/);
});

test("power laws are fitted, long rows made wide", () => {
  expect(exponent([1, 2, 5, 9].map((x) => ({ x, y: 3 * x ** 1.5 })))).toBeCloseTo(1.5, 10);
  const rows = [
    { length: 8, form: "a", ms: 1 },
    { length: 8, form: "b", ms: 2 },
    { length: 9, form: "b", ms: 3 },
  ];
  expect(pivot(rows, ["length"], "form", ({ ms }) => ms)).toEqual([
    { length: 8, a: 1, b: 2 },
    { length: 9, a: null, b: 3 },
  ]);
  expect(groups(rows, ["form"]).map((group) => group.length)).toEqual([1, 2]);
});

function squaresOf({ parts }: Results): Squares["squares"] {
  return Object.values(parts).flatMap(({ data }) => data.squares as Squares["squares"]);
}
