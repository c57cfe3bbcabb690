import { createReadStream } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { openModelFiles } from "@elapid/loaders";
import { loadModel } from "@elapid/models";
import { openDevice } from "elapid";
import { randomMamba } from "./random-mamba.ts";
import { machine } from "./report.ts";

export const summary = "time and peak memory of loading 500 MB of float32 weights";

/** Loads the mamba-130m shape on WebAssembly; prints seconds, and the most memory that the process took beyond the weights. */
export async function run({ json }: { readonly json: boolean }): Promise<void> {
  const { folder } = await randomMamba(join(import.meta.dirname, "../.cache/bench"));
  // read once, so that the time is that of loading, not of the disk
  let fileBytes = 0;
  for await (const piece of createReadStream(join(folder, "model.safetensors")))
    fileBytes += (piece as Buffer).byteLength;
  const device = await openDevice("wasm", { threads: 2 });
  await pause(200);
  const before = process.memoryUsage.rss();
  let peak = before;
  const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 2);
  const start = performance.now();
  using lm = await loadModel(await openModelFiles(folder), device);
  const seconds = (performance.now() - start) / 1000;
  clearInterval(watch);
  peak = Math.max(peak, process.memoryUsage.rss());
  const mebibytes = (bytes: number) => bytes / 2 ** 20;
  const result = {
    machine: machine(),
    parameters: lm.parameterCount,
    weightsMiB: mebibytes(device.liveBytes),
    fileMiB: mebibytes(fileBytes),
    peakBeyondWeightsMiB: mebibytes(peak - before - device.liveBytes),
    seconds,
  };
  if (json) console.log(JSON.stringify(result));
  else console.table(result);
  device.dispose();
}
