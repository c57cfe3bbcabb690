/**
 * Checks elapid against a tree of numbers from official code:
 * `reference DIR [--device host|wasm|webgpu] [--only kernels|checkpoints|gguf|tokenizers] [--json]`.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Device } from "@elapid/tensor";
import { testedBackends } from "../devices.ts";
import { checkCheckpoints } from "./checkpoints.ts";
import { checkGguf } from "./gguf.ts";
import { checkKernels } from "./kernels.ts";
import { closingLine, toJson, toTable, type Check } from "./report.ts";
import { checkTokenizers } from "./tokenizer-folders.ts";
import { checkTrained } from "./trained.ts";

type Part = (directory: string, device: Device) => AsyncGenerator<Check>;

/** What `--only` chooses among; each lists its cases in the order of the tree. */
const parts: Readonly<Record<string, readonly Part[]>> = {
  kernels: [checkKernels],
  checkpoints: [checkCheckpoints, checkTrained],
  gguf: [checkGguf],
  tokenizers: [checkTokenizers],
};
const kinds = ["host", "wasm", "webgpu"];
const usage = `usage: reference DIR [--device ${kinds.join("|")}] [--only ${Object.keys(parts).join("|")}] [--json]`;

/** Wrong usage: one line, exit code 2. */
class UsageError extends Error {}

interface Arguments {
  readonly directory: string;
  readonly device: string | undefined;
  readonly only: string | undefined;
  readonly json: boolean;
}

function parse(args: readonly string[]): Arguments {
  const { values, positionals } = parseOrRefuse(args);
  const [directory, ...more] = positionals;
  if (directory === undefined || more.length > 0) throw new UsageError(usage);
  choice("--device", values.device, kinds);
  choice("--only", values.only, Object.keys(parts));
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new UsageError(`Cannot check "${directory}": it is not a folder`);
  }
  if (!Object.keys(parts).some((part) => statSync(join(directory, part), { throwIfNoEntry: false })?.isDirectory())) {
    throw new UsageError(`Cannot check "${directory}": it has none of the folders ${Object.keys(parts).join(", ")}`);
  }
  return { directory, device: values.device, only: values.only, json: values.json ?? false };
}

function parseOrRefuse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { device: { type: "string" }, only: { type: "string" }, json: { type: "boolean" } },
    });
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}; ${usage}`);
  }
}

function choice(option: string, value: string | undefined, allowed: readonly string[]): void {
  if (value !== undefined && !allowed.includes(value)) {
    throw new UsageError(`Cannot check: ${option} is "${value}" but one of ${allowed.join(", ")} was needed`);
  }
}

async function checksOn(kind: string, { directory, only }: Arguments): Promise<{ title: string; checks: Check[] }> {
  const tested = testedBackends.find((backend) => backend.kind === kind)!;
  // an op without a kernel here gives the right numbers too, by its reference; the table says which those are
  const notices: string[] = [];
  const device = new Device(await tested.open(), { onNotice: (message) => notices.push(message) });
  const checks: Check[] = [];
  const chosen = Object.keys(parts).filter((name) => only === undefined || only === name);
  for (const part of chosen.flatMap((name) => parts[name])) {
    for await (const check of part(directory, device)) checks.push(check);
  }
  const { description } = device;
  const title = description.startsWith(kind) ? description : `${kind}: ${description}`;
  device.dispose();
  return { title: [title, ...notices].join("\n"), checks };
}

try {
  const given = parse(process.argv.slice(2));
  const chosen = given.device === undefined ? (given.json ? ["wasm"] : kinds) : [given.device];
  const all: Check[] = [];
  for (const kind of chosen) {
    const { title, checks } = await checksOn(kind, given);
    console.log(given.json ? JSON.stringify(toJson(kind, checks)) : toTable(title, checks));
    all.push(...checks);
  }
  if (all.some(({ outcome }) => outcome.kind === "failed")) process.exitCode = 1;
  if (chosen.length > 1) console.log(`\nall devices\n${closingLine(all)}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
