import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "elapid-imports-"));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  copyFileSync(join(root, "oxlint.config.ts"), join(folder, "oxlint.config.ts"));
});

afterEach(() => rmSync(folder, { recursive: true }));

/** The modules that the linter forbids in a file with these imports. */
function forbidden(path: string, modules: string[]): string[] {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  const names = modules.map((_, i) => `module${i}`);
  const imports = modules.map((module, i) => `import { ${names[i]} } from "${module}";\n`);
  writeFileSync(file, `${imports.join("")}export const all = [${names.join(", ")}];\n`);
  const { stdout } = spawnSync("oxlint", ["--format=unix", path], { cwd: folder, encoding: "utf8" });
  return [...stdout.matchAll(/'([^']+)' import is restricted/g)].map(([, module]) => module);
}

test("a package imports only what lies below it, and not itself", () => {
  const modules = ["@elapid/tensor", "@elapid/wasm", "@elapid/nn", "@elapid/scan/wasm", "elapid", "@elapid/testing"];
  expect(forbidden("packages/ops/src/matmul/matmul.ts", modules)).toEqual(modules.slice(2));
  expect(forbidden("packages/tensor/src/tensor.ts", modules)).toEqual(modules);
  expect(forbidden("packages/elapid/src/load.ts", modules)).toEqual([]);
});

test("another package is not imported by its path", () => {
  const modules = ["./tensor.ts", "../../tensor/src/tensor.ts"];
  expect(forbidden("packages/ops/src/index.ts", modules)).toEqual([modules[1]]);
});

test("tests may import anything by name", () => {
  expect(forbidden("packages/tensor/src/tensor.test.ts", ["@elapid/testing", "@elapid/nn"])).toEqual([]);
});
