/**
 * Loads a model once, up to its first token, and prints what that took:
 * `node --conditions=@elapid/source benchmarks/load-once.ts FOLDER DTYPE`.
 */
import { setTimeout as pause } from "node:timers/promises";
import { openModelFiles } from "@elapid/loaders";
import { loadModel } from "@elapid/models";
import type { WeightDType } from "@elapid/tensor";
import { openDevice } from "elapid";

export interface Loading {
  /** Seconds up to the model, and up to its first token. */
  readonly load: number;
  readonly firstToken: number;
  /** Bytes of the weights, and the most that the process took beyond them. */
  readonly weights: number;
  readonly beyond: number;
}

const [folder, dtype] = process.argv.slice(2);
const result: Loading = await loading(folder, dtype as WeightDType);
console.log(JSON.stringify(result));

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
