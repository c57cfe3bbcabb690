/** Type-checks every folder that has a tsconfig.json; the sources of packages stand in for their declarations. */
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const projects = globSync(
  ["{packages,apps,tests}/*/tsconfig.json", "{scripts,benchmarks,experiments,examples,docs,golden}/tsconfig.json"],
  { cwd: root },
);

const failed = projects.toSorted().filter((project) => {
  const { status } = spawnSync("tsc", ["-p", project], { cwd: root, stdio: "inherit" });
  return status !== 0;
});
if (failed.length > 0) {
  console.error(`Type errors in ${failed.join(", ")}`);
  process.exitCode = 1;
}
