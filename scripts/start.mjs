/** `npm start -- "prompt"`: installs and builds what is needed, then runs `elapid generate` with the arguments given. */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { join } from "node:path";
import { node, prepare, root } from "./setup.mjs";

prepare();

const program = join(root, "apps/cli/dist/main.js");
const child = spawn(node, [program, "generate", ...process.argv.slice(2)], {
  cwd: process.env.INIT_CWD, // where the user stood: npm itself changes to the root
  stdio: "inherit",
});

// a terminal sends Ctrl-C to the whole group, so the command has it already and ends by itself
process.on("SIGINT", () => process.stderr.isTTY || child.kill("SIGINT"));
process.on("SIGTERM", () => child.kill("SIGTERM"));

child.on("close", (code, signal) => {
  process.exitCode = signal ? 128 + constants.signals[signal] : (code ?? 1);
});
