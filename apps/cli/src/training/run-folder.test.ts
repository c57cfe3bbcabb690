import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { temporaryFolder } from "../testing/folder.ts";
import { runFolder } from "./run-folder.ts";

test.each([
  ["in the middle of it", `function* () { yield "half"; process.exit(5); }`, ""],
  [
    "as it is begun",
    `function* () { yield "half"; }`,
    "while (readdirSync(path).length < 2) await null; process.exit(5);",
  ],
])("a process that ends %s leaves the file of before, and no part of the next", (_, pieces, after) => {
  const path = temporaryFolder();
  const { weights } = runFolder(path);
  writeFileSync(weights, "before");
  const program = `
    import { replaceFile } from "@elapid/loaders";
    import { readdirSync } from "node:fs";
    import { runFolder, withoutPartialFiles } from ${JSON.stringify(new URL("run-folder.ts", import.meta.url).href)};
    const path = ${JSON.stringify(path)};
    const folder = runFolder(path);
    withoutPartialFiles(folder);
    const written = replaceFile(folder.weights, (${pieces})());
    ${after}
    await written;
  `;
  const args = ["--conditions=@elapid/source", "--input-type=module", "--eval", program];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: import.meta.dirname, encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 5, stderr: "" });
  expect(readdirSync(path)).toEqual(["model.safetensors"]);
  expect(readFileSync(weights, "utf8")).toBe("before");
});
