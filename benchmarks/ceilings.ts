import { Worker } from "node:worker_threads";
import { matmul } from "@elapid/ops";
import type { WeightDType } from "@elapid/tensor";
import { openDevice } from "elapid";
import { median } from "./stats.ts";

const MEBIBYTE = 2 ** 20;
const STREAM_BYTES = 512 * MEBIBYTE;
const RUNS = 7;

/** Looks for a byte that is not there, which the C library does as fast as memory comes. */
const READER = `
const { parentPort, workerData } = require("node:worker_threads");
const bytes = Buffer.alloc(workerData, 1);
parentPort.on("message", () => { bytes.indexOf(2); parentPort.postMessage("done"); });
parentPort.postMessage("ready");
`;

/** Bytes a second that so many threads read from memory, each from a buffer of its own that no cache holds. */
export async function memoryBandwidth(threads: number): Promise<number> {
  const workers = Array.from(
    { length: threads },
    () => new Worker(READER, { eval: true, workerData: STREAM_BYTES / threads }),
  );
  const answered = () =>
    Promise.all(workers.map((worker) => new Promise((resolve) => worker.once("message", resolve))));
  await answered();
  const rates: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const start = performance.now();
    const done = answered();
    for (const worker of workers) worker.postMessage("go");
    await done;
    rates.push(STREAM_BYTES / ((performance.now() - start) / 1000));
  }
  await Promise.all(workers.map((worker) => worker.terminate()));
  return median(rates);
}

/** Operations a second of our product of many rows by weights that stay in the cache: what its kernel reaches at best. */
export async function productPeak(dtype: WeightDType, threads: number): Promise<number> {
  using device = await openDevice("wasm", { threads });
  const [rows, inner, out] = [512, 512, 256];
  using x = device.tensor(new Float32Array(rows * inner).fill(0.5), [rows, inner]);
  using weight = device.tensor(new Float32Array(out * inner).fill(0.25), [out, inner], dtype);
  const rates: number[] = [];
  for (let run = 0; run < 4 * RUNS; run++) {
    const start = performance.now();
    using y = matmul(x, weight);
    await y.device.finish();
    rates.push((2 * rows * inner * out) / ((performance.now() - start) / 1000));
  }
  return Math.max(...rates);
}
