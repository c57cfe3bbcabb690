import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Loading } from "./load-once.ts";
import { randomMamba } from "./random-mamba.ts";
import { machine } from "./report.ts";
import type { BenchmarkOptions } from "./run.ts";
import { median } from "./stats.ts";

const ROUNDS = 5;
const MEBIBYTE = 2 ** 20;

export const summary = "time and peak memory of loading 500 MB of float32 weights, as they are and narrower";

/** Loads the mamba-130m shape on WebAssembly, up to its first token, beside reading the file alone, in turns. */
export async function run({ json, rounds = ROUNDS }: BenchmarkOptions): Promise<void> {
  const { folder } = await randomMamba(join(import.meta.dirname, "../.cache/bench"));
  const file = join(folder, "model.safetensors");
  const fileMiB = (await readWhole(file)).bytes / MEBIBYTE; // and the file cache is warm
  const rows = [];
  for (const dtype of ["f32", "f16", "q8", "q4"] as const) {
    const reads: number[] = [];
    const loads: Loading[] = [];
    for (let round = 0; round < rounds; round++) {
      reads.push((await readWhole(file)).seconds);
      loads.push(loading(folder, dtype));
    }
    const read = median(reads);
    const load = median(loads.map((each) => each.load));
    const firstToken = median(loads.map((each) => each.firstToken));
    rows.push({
      dtype,
      "read, s": read.toFixed(2),
      "load, s": load.toFixed(2),
      "MiB of f32 a second": (fileMiB / load).toFixed(0),
      "first token, s": firstToken.toFixed(2),
      "against reading": (firstToken / read).toFixed(2),
      "weights, MiB": median(loads.map((each) => each.weights / MEBIBYTE)).toFixed(1),
      "peak beyond weights, MiB": median(loads.map((each) => each.beyond / MEBIBYTE)).toFixed(1),
    });
  }
  if (json) {
    console.log(JSON.stringify({ machine: machine(), fileMiB, rows }));
    return;
  }
  console.log(`${machine()}; ${fileMiB.toFixed(0)} MiB of float32, medians of ${rounds} runs in turns`);
  console.table(rows);
}

/** Reads a file whole into memory of its own. */
async function readWhole(path: string): Promise<{ seconds: number; bytes: number }> {
  const start = performance.now();
  const { byteLength } = await readFile(path);
  return { seconds: (performance.now() - start) / 1000, bytes: byteLength };
}

/** Loads in a process of its own: memory that was given back stays with a process for a while. */
function loading(folder: string, dtype: string): Loading {
  const script = join(import.meta.dirname, "load-once.ts");
  const args = ["--conditions=@elapid/source", script, folder, dtype];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })) as Loading;
}
