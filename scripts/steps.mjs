/** Runs checks and test suites one after the other and sums up what they counted. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { environment, root, say } from "./setup.mjs";
import { softwareVulkan } from "./system.mjs";

/** @typedef {{ passed: number, failed: number, skipped: number, names?: string[] }} Counts `names` of what was skipped */

/**
 * @typedef {object} Step
 * @property {string} name
 * @property {string[]} command
 * @property {(output: string) => Counts | undefined} [counts] finds the step's counts; without it the step is one check
 * @property {string} [needs] a file without which the step cannot run
 */

/**
 * Reads the last line of the form `N passed, N failed` or `N passed, N failed, N skipped`.
 *
 * @param {string} output
 * @returns {Counts | undefined}
 */
export function closingLine(output) {
  const line = [...output.matchAll(/^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/gm)].at(-1);
  return line && { passed: Number(line[1]), failed: Number(line[2]), skipped: Number(line[3] ?? 0) };
}

/**
 * Runs every step, also after one failed, and prints a summary whose last line sums over all of them. A step that could
 * not run is named there, and is a failure under CI=true.
 *
 * @param {Step[]} steps
 * @returns {Promise<boolean>} whether nothing failed
 */
export async function runSteps(steps) {
  const results = [];
  for (const step of steps) results.push({ name: step.name, ...(await run(step)) });

  const total = { passed: 0, failed: 0, skipped: 0 };
  console.log("\nSummary");
  for (const { name, passed, failed, skipped, names = [], why, seconds } of results) {
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
    console.log(
      `  ${name}: ${why ? `NOT RUN, ${why}` : `${inWords({ passed, failed, skipped })} in ${seconds.toFixed(0)} s`}`,
    );
    for (const skippedName of names) console.log(`    NOT RUN: ${skippedName}`);
  }
  if (process.env.CI === "true") {
    total.failed += total.skipped;
    total.skipped = 0;
  }
  console.log(inWords(total));
  return total.failed === 0;
}

/** @param {Counts} counts */
function inWords({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/**
 * @param {Step} step
 * @returns {Promise<Counts & { seconds: number, why?: string }>}
 */
async function run({ name, command, counts, needs }) {
  if (needs && !existsSync(needs))
    return { passed: 0, failed: 0, skipped: 1, seconds: 0, why: `"${needs}" is missing` };
  say(name);
  const started = performance.now();
  const [program, ...args] = command;
  const env = existsSync(softwareVulkan) ? { VK_ICD_FILENAMES: softwareVulkan, ...environment } : environment;
  const child = spawn(program, args, { cwd: root, env, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk) => {
    process.stdout.write(chunk);
    output += chunk;
  });
  const [code] = await once(child, "close").catch((error) => {
    say(`Cannot run ${name}: ${error.message}`);
    return [1];
  });
  const check = { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 };
  const result = counts ? (counts(output) ?? { passed: 0, failed: 1, skipped: 0 }) : check;
  // a runner that broke after or before its tests
  if (code !== 0 && result.failed === 0) result.failed = 1;
  return { ...result, seconds: (performance.now() - started) / 1000 };
}
