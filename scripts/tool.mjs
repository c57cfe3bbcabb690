/** `node scripts/tool.mjs NAME ...args`: runs a program of `tools/`, which is installed first if it is not. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { environment, install, root } from "./setup.mjs";

const tools = join(root, "tools");
const [name = "", ...args] = process.argv.slice(2);

install(tools, "tools");
const program = join(tools, "node_modules/.bin", name);
const { status, error } = spawnSync(program, args, { cwd: root, env: environment, stdio: "inherit" });
if (error) console.error(`Cannot run "${name}": ${error.message}`);
process.exitCode = status ?? 1;
