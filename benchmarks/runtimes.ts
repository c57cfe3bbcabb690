import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { randomMamba } from "./random-mamba.ts";
import { machine } from "./report.ts";
import type { BenchmarkOptions } from "./run.ts";
import { median, spread } from "./stats.ts";

const THREADS = 2;
const ROUNDS = 5;

export const summary = "decode and prefill of the mamba-130m shape in Node 20, 22, 24 and 26, Bun and Deno";

const root = join(import.meta.dirname, "..");
const nodes = join(import.meta.dirname, "runtimes");
const others = join(root, "tests/runtimes");
const worker = join(nodes, "worker.mjs");

/** Versions of Node come as packages of one binary each; what only `node` as a package would bring needs its install script. */
const runtimes: Readonly<Record<string, readonly string[]>> = {
  "Node 20": [join(nodes, "node_modules/node-20/bin/node"), worker],
  "Node 22": [join(nodes, "node_modules/node-22/bin/node"), worker],
  "Node 24": [join(nodes, "node_modules/node-24/bin/node"), worker],
  "Node 26": [join(nodes, "node_modules/node-26/bin/node"), worker],
  Bun: [join(others, "node_modules/.bin/bun"), worker],
  Deno: [join(others, "node_modules/.bin/deno"), "run", "-A", worker],
};

interface Round {
  readonly decode: number;
  readonly prefill: number;
  readonly device: string;
}

/** Starts each runtime in turn, round after round, on the built packages. */
export async function run({ json, rounds = ROUNDS }: BenchmarkOptions): Promise<void> {
  prepare();
  const rows = [];
  for (const dtype of ["f32", "q4"] as const) {
    const { folder } = await randomMamba(join(root, ".cache/bench"), dtype);
    const found = new Map<string, Round[]>(Object.keys(runtimes).map((name) => [name, []]));
    for (let round = 0; round < rounds; round++) {
      for (const [name, [program, ...args]] of Object.entries(runtimes)) {
        const output = execFileSync(program, [...args, folder, String(THREADS)], { encoding: "utf8" });
        found.get(name)!.push(JSON.parse(output) as Round);
      }
    }
    for (const [runtime, each] of found) {
      const decode = each.map((round) => round.decode);
      const prefill = each.map((round) => round.prefill);
      const widest = Math.max(spread(decode), spread(prefill));
      rows.push({
        runtime,
        dtype,
        decode: median(decode),
        prefill: median(prefill),
        spread: widest,
        device: each[0].device,
      });
    }
  }
  if (json) {
    console.log(JSON.stringify({ machine: machine(), rows }));
    return;
  }
  console.log(`${machine()}; medians of rounds in turn, tokens/s`);
  console.table(
    rows.map(({ decode, prefill, spread, ...row }) => ({
      ...row,
      decode: decode.toFixed(1),
      prefill: prefill.toFixed(1),
      spread: `±${(100 * spread).toFixed(0)} %`,
    })),
  );
}

function prepare(): void {
  const npm = (cwd: string, ...args: string[]) => execFileSync("npm", args, { cwd, stdio: ["ignore", 2, 2] });
  if (!existsSync(join(nodes, "node_modules"))) npm(nodes, "ci", "--ignore-scripts", "--no-audit", "--no-fund");
  if (!existsSync(join(others, "node_modules"))) npm(others, "ci", "--no-audit", "--no-fund");
  npm(root, "run", "build");
}
