import { open } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { openModelFiles } from "@elapid/loaders";
import { loadModel } from "@elapid/models";
import type { WeightDType } from "@elapid/tensor";
import { openDevice } from "elapid";
import { randomMamba } from "./random-mamba.ts";
import { machine } from "./report.ts";
import type { BenchmarkOptions } from "./run.ts";
import { median } from "./stats.ts";

const ROUNDS = 5;
const CHUNK_BYTES = 4 * 2 ** 20;
const MEBIBYTE = 2 ** 20;

export const summary = "time and peak memory of loading 500 MB of float32 weights, as they are and narrower";

/** Loads the mamba-130m shape on WebAssembly, up to its first token, beside reading the file alone, in turns. */
export async function run({ json, rounds = ROUNDS }: BenchmarkOptions): Promise<void> {
  const { folder } = await randomMamba(join(import.meta.dirname, "../.cache/bench"));
  const file = join(folder, "model.safetensors");
  const fileMiB = (await readAll(file)).bytes / MEBIBYTE; // and the file cache is warm
  const rows = [];
  for (const dtype of ["f32", "f16", "q8", "q4"] as const) {
    const reads: number[] = [];
    const loads: Loading[] = [];
    for (let round = 0; round < rounds; round++) {
      reads.push((await readAll(file)).seconds);
      loads.push(await loading(folder, dtype));
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

/** Reads a file piece by piece into one buffer, as fast as that goes. */
async function readAll(path: string): Promise<{ seconds: number; bytes: number }> {
  const buffer = new Uint8Array(CHUNK_BYTES);
  const start = performance.now();
  const file = await open(path);
  let bytes = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, bytes);
    if (bytesRead === 0) break;
    bytes += bytesRead;
  }
  await file.close();
  return { seconds: (performance.now() - start) / 1000, bytes };
}

interface Loading {
  /** Seconds up to the model, and up to its first token. */
  readonly load: number;
  readonly firstToken: number;
  /** Bytes of the weights, and the most that the process took beyond them. */
  readonly weights: number;
  readonly beyond: number;
}

async function loading(folder: string, dtype: WeightDType): Promise<Loading> {
  using device = await openDevice("wasm", { threads: 2 });
  await pause(200);
  const before = process.memoryUsage.rss();
  let peak = before;
  const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 5);
  const start = performance.now();
  const files = await openModelFiles(folder);
  using lm = await loadModel(files, device, { dtype });
  const load = (performance.now() - start) / 1000;
  clearInterval(watch);
  peak = Math.max(peak, process.memoryUsage.rss());
  const weights = device.liveBytes;
  const { logits, state } = lm.forward([[0]], { logits: "last" });
  await logits.data();
  const firstToken = (performance.now() - start) / 1000;
  logits.dispose();
  state.dispose();
  await files.close();
  return { load, firstToken, weights, beyond: peak - before - weights };
}
