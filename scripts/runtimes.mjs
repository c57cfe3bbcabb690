/** The tests outside Node 24, each on the built packages: `npm run runtimes`, and a part of `npm test`. */
import { join } from "node:path";
import { chromium, mesaVulkan } from "./system.mjs";
import { install, isMain, prepare, root, systemNode } from "./setup.mjs";
import { closingLine, runSteps } from "./steps.mjs";

const folder = join(root, "tests/runtimes");
/** @param {string} name */
const installed = (name) => join(folder, "node_modules/.bin", name);

/** @type {import("./steps.mjs").Step[]} */
export const runtimes = [
  { name: "Node of this machine", command: [systemNode, join(folder, "node.mjs")], counts: closingLine },
  { name: "Bun", command: [installed("bun"), join(folder, "bun.mjs")], counts: closingLine },
  { name: "Deno", command: [installed("deno"), "run", "-A", join(folder, "deno.mjs")], counts: closingLine },
  {
    name: "Deno with a WebGPU of its own",
    command: [installed("deno"), "run", "-A", "--unstable-webgpu", join(folder, "deno-webgpu.mjs")],
    counts: closingLine,
    // looked up when the step's turn comes, as the driver may be installed by then; others than Linux have one
    get needs() {
      return process.platform === "linux" ? mesaVulkan() : undefined;
    },
  },
  { name: "Chromium", command: ["node", join(folder, "chromium.mjs")], counts: closingLine, needs: chromium },
];

/** Brings Bun and Deno. */
export function prepareRuntimes() {
  install(folder, "Bun and Deno");
}

if (isMain(import.meta.url)) {
  prepare();
  prepareRuntimes();
  process.exitCode = (await runSteps(runtimes)) ? 0 : 1;
}
