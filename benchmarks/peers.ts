import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { WeightDType } from "@elapid/tensor";
import { memoryBandwidth, productPeak } from "./ceilings.ts";
import { DECODE, installPeers, openElapid, openLlamaCpp, PREFILL } from "./engines.ts";
import { randomMamba } from "./random-mamba.ts";
import { printRows, rateRow, type Row } from "./report.ts";
import type { BenchmarkOptions } from "./run.ts";
import { interleave, median, spread } from "./stats.ts";

const THREADS = 2;
const ROUNDS = 7;
const BATCH = 8;
const DTYPES = ["f32", "f16", "q8", "q4"] as const;

export const summary = "speed and memory of the mamba-130m shape beside llama.cpp, in f32, f16, q8 and q4";

/** Measures elapid on WebAssembly beside llama.cpp, native, on the same weights, in turns. */
export async function run({ json, rounds = ROUNDS }: BenchmarkOptions): Promise<void> {
  installPeers();
  const rows: Row[] = [];
  const bandwidth = new Map<number, number>();
  for (const threads of [THREADS, 1]) bandwidth.set(threads, await memoryBandwidth(threads));
  for (const dtype of DTYPES) {
    const model = await randomMamba(join(import.meta.dirname, "../.cache/bench"), dtype);
    console.error(`measuring ${dtype}`);
    for (const threads of [THREADS, 1]) {
      rows.push(...(await speeds({ ...model, dtype, threads, rounds, bandwidth: bandwidth.get(threads)! })));
    }
    rows.push(memory({ ...model, dtype }));
    if (dtype === "q4") rows.push(await batches(model.folder, rounds));
  }
  printRows(rows, json);
}

interface Measured {
  readonly folder: string;
  readonly gguf: string;
  readonly dtype: WeightDType;
  readonly threads: number;
  readonly rounds: number;
  /** Bytes a second that this machine reads from memory with as many threads. */
  readonly bandwidth: number;
}

/** Decoding is bound by memory and reading a prompt by arithmetic; each row says how much of that is reached. */
async function speeds({ folder, gguf, dtype, threads, rounds, bandwidth }: Measured): Promise<Row[]> {
  const ours = await openElapid(folder, dtype, threads);
  const theirs = await openLlamaCpp(gguf, threads);
  const what = { dtype, threads, peerName: "llama.cpp", unit: "tokens/s" };
  const decode = await interleave(rounds, [ours.decode, theirs.decode]);
  const prefill = await interleave(rounds, [ours.prefill, theirs.prefill]);
  await theirs.dispose();
  await ours.dispose();

  const decoding = rateRow({ work: `decode ${DECODE}`, ...what }, DECODE, decode[0], decode[1]);
  const reading = rateRow({ work: `prefill ${PREFILL}`, ...what }, PREFILL, prefill[0], prefill[1]);
  const peak = await productPeak(dtype, threads);
  const gigabytes = (decoding.elapid * ours.weightBytes) / 1e9;
  const gigaflops = (reading.elapid * 2 * ours.productWeights) / 1e9;
  return [
    { ...decoding, share: `${gigabytes.toFixed(1)} of ${(bandwidth / 1e9).toFixed(1)} GB/s` },
    { ...reading, share: `${gigaflops.toFixed(0)} of ${(peak / 1e9).toFixed(0)} GFLOP/s` },
  ];
}

/** The most memory that a process with nothing else in it ever held; below 1 we take less. */
function memory({ folder, gguf, dtype }: Pick<Measured, "folder" | "gguf" | "dtype">): Row {
  const mebibytes = (engine: string, path: string) => {
    const script = join(import.meta.dirname, "peak-memory.ts");
    const args = ["--conditions=@elapid/source", script, engine, path, dtype, String(THREADS)];
    return Number(execFileSync(process.execPath, args, { encoding: "utf8" })) / 2 ** 20;
  };
  const elapid = mebibytes("elapid", folder);
  const peer = mebibytes("llama.cpp", gguf);
  const what = { work: "peak memory", dtype, threads: THREADS, peerName: "llama.cpp", unit: "MiB" };
  return { ...what, elapid, peer, ratio: elapid / peer, spread: 0 };
}

async function batches(folder: string, rounds: number): Promise<Row> {
  const ours = await openElapid(folder, "q4", THREADS);
  const [many, one] = await interleave(rounds, [() => ours.decodeBatch(BATCH), ours.decode]);
  await ours.dispose();
  const [elapid, peer] = [(BATCH * DECODE) / median(many), DECODE / median(one)];
  const what = {
    work: `decode ${DECODE}, batch of ${BATCH}`,
    dtype: "q4",
    threads: THREADS,
    peerName: "one",
    unit: "tokens/s",
  };
  return { ...what, elapid, peer, ratio: elapid / peer, spread: Math.max(spread(many), spread(one)) };
}
