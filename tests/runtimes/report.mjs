/**
 * Prints what a runtime did: a line on it, what failed, what could not run, and the counts last.
 *
 * @param {string} runtime
 * @param {import("./suite.mjs").Result[]} results
 * @returns {boolean} whether nothing failed; under CI=true what could not run is a failure
 */
export function report(runtime, results) {
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failed = results.flatMap((result) => result.failed);
  const skipped = results.flatMap((result) => result.skipped);
  console.log(`${runtime}: ${results.flatMap(({ devices }) => devices).join("; ")}`);
  for (const line of failed) console.log(`  FAILED: ${line}`);
  for (const line of skipped) console.log(`  NOT RUN: ${line}`);
  console.log(`${passed} passed, ${failed.length} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ""}`);
  const strict = globalThis.process?.env.CI === "true";
  return failed.length === 0 && !(strict && skipped.length > 0);
}
