import { join } from "node:path";
import { parseArgs } from "node:util";
import type { DeviceKind } from "@elapid/tensor";
import { openDevice } from "elapid";
import { experiments } from "./registry.ts";
import { markdown } from "./runner/page.ts";
import { study } from "./runner/study.ts";

const devices: readonly DeviceKind[] = ["wasm", "webgpu", "host"];

const usage = `usage: npm run study -- NAME [--preset small|large] [--seeds N | --seed N] [--device wasm|webgpu|host] [--threads N]
                            [--only PART] [--text FILE] [--data DIR] [--report] [--out DIR] [--json]
       --seed measures one seed of each part and keeps the others, where an experiment has seeds; --seeds measures so many;
       --text is what models of text learn, --data a folder of images in IDX files; --report draws again what was measured
       before; NAME is one of ${Object.keys(experiments).join(", ")}`;

/** Throws TypeError if the command line is none. */
async function readCall() {
  const { values, positionals } = parseArgs({
    options: {
      preset: { type: "string", default: "small" },
      seeds: { type: "string" },
      seed: { type: "string" },
      device: { type: "string", default: "wasm" },
      threads: { type: "string" },
      only: { type: "string" },
      text: { type: "string" },
      data: { type: "string" },
      report: { type: "boolean", default: false },
      out: { type: "string", default: join(import.meta.dirname, "../docs/study") },
      json: { type: "boolean", default: false },
    },
    allowPositionals: true,
  });
  const [given = "", ...rest] = positionals;
  if (rest.length > 0) throw new TypeError(`Cannot study: one NAME was needed but there is also "${rest.join(" ")}"`);
  const name = oneOf("NAME", given, Object.keys(experiments));
  const preset = oneOf("--preset", values.preset, ["small", "large"]);
  const kind = oneOf("--device", values.device, devices);
  const [seeds, threads] = [count("--seeds", values.seeds), count("--threads", values.threads)];
  const seed = count("--seed", values.seed);
  const experiment = await experiments[name]();
  if (seed !== undefined && (seeds !== undefined || experiment.bySeed !== true)) {
    throw new TypeError(`Cannot study: --seed was given with --seeds, or "${name}" is not measured seed by seed`);
  }
  const { parts } = experiment;
  const wanted = values.only === undefined ? parts : [oneOf("--only", values.only, parts)];
  const options = {
    name,
    preset,
    seeds,
    seed,
    threads,
    text: values.text,
    data: values.data,
    parts: values.report ? [] : wanted,
    out: values.out,
    open: (own?: { readonly threads?: number }) => openDevice(kind, { threads, allowSoftware: true, ...own }),
    progress: (line: string) => console.error(line),
  };
  return { experiment, options, json: values.json };
}

function oneOf<T extends string>(what: string, value: string, known: readonly T[]): T {
  const found = known.find((name) => name === value);
  if (found === undefined)
    throw new TypeError(`Cannot study: ${what} is "${value}" but one of ${known.join(", ")} was needed`);
  return found;
}

function count(what: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!(Number.isInteger(number) && number > 0)) {
    throw new TypeError(`Cannot study: ${what} is "${text}" but a positive whole number was needed`);
  }
  return number;
}

const call = await readCall().catch((error: Error) => error);
if (call instanceof TypeError) {
  console.error(`${call.message}\n${usage}`);
  process.exitCode = 2;
} else if (call instanceof Error) {
  throw call;
} else {
  call.options.progress(call.experiment.summary);
  const { tables, ...results } = await study(call.experiment, call.options);
  if (call.json) console.log(JSON.stringify({ ...results, tables }));
  else for (const table of tables) console.log(`\n${table.name}\n\n${markdown(table)}`);
}
