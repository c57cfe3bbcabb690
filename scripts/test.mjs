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
  { name: "unused code and dependencies", command: [join(root, "tools/node_modules/.bin/knip")] },
  { name: "packages as published", command: ["node", "scripts/check-packages.ts"], counts: closingLine },
];

prepare();
install(join(root, "tools"), "the tools that check packages");
prepareRuntimes();
const missing = missingPackages();
if (missing.length > 0) installPackages(missing, say);
mkdirSync(join(root, ".cache"), { recursive: true });
rmSync(vitestReport, { force: true });
process.exitCode = (await runSteps(steps)) ? 0 : 1;

function vitestCounts() {
  if (!existsSync(vitestReport)) return undefined;
  /** @type {{ numPassedTests: number, numFailedTests: number, numPendingTests: number, numTodoTests: number, testResults: { status: string, assertionResults: unknown[] }[] }} */
  const report = JSON.parse(readFileSync(vitestReport, "utf8"));
  // a file that breaks before its first test is a failed suite without a failed test
  const brokenFiles = report.testResults.filter(
    ({ status, assertionResults }) => status === "failed" && assertionResults.length === 0,
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}
