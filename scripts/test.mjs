/**
 * `npm test`: brings what the tests need, then runs every check and every suite. Its last line is `N passed, N failed`,
 * with `, N skipped` where something could not run; that is named above it.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { installPackages, missingPackages } from "./system.mjs";
import { prepareRuntimes, runtimes } from "./runtimes.mjs";
import { install, prepare, root, say } from "./setup.mjs";
import { closingLine, runSteps } from "./steps.mjs";

/** Where Vitest leaves its counts. */
const vitestReport = join(root, ".cache/vitest.json");

/** @type {import("./steps.mjs").Step[]} */
const steps = [
  { name: "lint", command: ["oxlint"] },
  { name: "format", command: ["oxfmt", "--check"] },
  { name: "types", command: ["node", "scripts/typecheck.ts"] },
  {
    name: "Vitest in Node 24: host, WASM, WebGPU",
    command: ["vitest", "run", "--reporter=default", "--reporter=json", `--outputFile.json=${vitestReport}`],
    counts: vitestCounts,
  },
  ...runtimes,
  { name: "unused code and dependencies", command: ["node", "scripts/tool.mjs", "knip"] },
  { name: "packages as published", command: ["node", "scripts/check-packages.ts"], counts: closingLine },
];

prepare();
install(join(root, "tools"), "tools");
install(join(root, "experiments"), "the plotting library");
prepareRuntimes();
const missing = missingPackages();
if (missing.length > 0) installPackages(missing, say);
mkdirSync(join(root, ".cache"), { recursive: true });
rmSync(vitestReport, { force: true });
process.exitCode = (await runSteps(steps)) ? 0 : 1;

/**
 * @typedef {{ status: string, fullName: string }} VitestTest
 * @typedef {{ name: string, status: string, assertionResults: VitestTest[] }} VitestFile
 */

function vitestCounts() {
  if (!existsSync(vitestReport)) return undefined;
  /** @type {VitestFile[]} */
  const files = JSON.parse(readFileSync(vitestReport, "utf8")).testResults;
  const tests = files.flatMap(({ assertionResults }) => assertionResults);
  const passed = tests.filter(({ status }) => status === "passed").length;
  const failed = tests.filter(({ status }) => status === "failed").length;
  const names = tests.filter(({ status }) => !["passed", "failed"].includes(status)).map(({ fullName }) => fullName);
  // a file that breaks before its first test fails without a failed test
  const broken = files.filter(({ status, assertionResults }) => status === "failed" && assertionResults.length === 0);
  return { passed, failed: failed + broken.length, skipped: names.length, names };
}
