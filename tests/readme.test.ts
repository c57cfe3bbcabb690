import { spawn } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const readmes = ["README.md", "docs/study/README.md", ...globSync("packages/*/README.md", { cwd: root })];
const programs = readmes.flatMap((readme) =>
  [...readFileSync(join(root, readme), "utf8").matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code], i) => ({
    readme,
    number: i + 1,
    code,
  })),
);

/** Runs a program in a process of its own, from the root of the repository; gives what it printed. */
async function run(code: string): Promise<{ status: number | null; output: string }> {
  // inside the workspace, so that packages are found by name
  await mkdir(join(root, ".cache"), { recursive: true });
  const folder = await mkdtemp(join(root, ".cache/readme-"));
  try {
    const file = join(folder, "program.ts");
    await writeFile(file, code);
    const child = spawn(process.execPath, ["--conditions=@elapid/source", "--no-warnings", file], { cwd: root });
    let output = "";
    child.stdout.on("data", (text) => (output += text));
    child.stderr.on("data", (text) => (output += text));
    const status = await new Promise<number | null>((resolve) => child.on("close", resolve));
    return { status, output };
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("the root README has a program", () => {
  expect(programs.some(({ readme }) => readme === "README.md")).toBe(true);
});

test.each(programs)("program $number of $readme runs", { timeout: 60_000 }, async ({ readme, code }) => {
  const { status, output } = await run(code);
  expect(output).not.toBe("");
  expect({ status, output: status === 0 ? "" : output }).toEqual({ status: 0, output: "" });
  if (readme === "README.md") expect(output).toMatch(/[a-z]{3}.*\n1,\d+,2048, \d+ bytes however long the text\n$/s);
});
