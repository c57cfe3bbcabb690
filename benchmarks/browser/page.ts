/** Runs in Chromium: one engine after the other on the same weights, on the CPU, each in turn for some rounds. */
import { argmax } from "@elapid/models";
import { load } from "elapid";

const DECODE = 32;
const PREFILL = 512;

export interface PageRound {
  readonly engine: string;
  readonly decode: number;
  readonly prefill: number;
}

declare global {
  var measure: (dtype: string, threads: number, rounds: number) => Promise<PageRound[]>;
}

globalThis.measure = async (dtype, threads, rounds) => {
  const engines = [await openElapid(dtype, threads), await openWllama(dtype, threads)];
  const results: PageRound[] = [];
  for (const engine of engines) await engine(); // compiles and warms caches
  for (let round = 0; round < rounds; round++) for (const engine of engines) results.push(await engine());
  return results;
};

async function openElapid(dtype: string, threads: number): Promise<() => Promise<PageRound>> {
  const lm = await load(new URL(`/models/mamba-130m-${dtype}/`, location.href), { device: "wasm", threads });
  const prompt = Array.from({ length: PREFILL }, (_, i) => 97 + (i % 2));
  return async () => {
    const start = performance.now();
    let { logits, state } = lm.forward([prompt], { logits: "last" });
    let values = (await logits.data()) as Float32Array;
    const read = performance.now();
    for (let i = 0; i < DECODE; i++) {
      logits.dispose();
      const next = lm.forward([[argmax(values)]], { state });
      state.dispose();
      ({ logits, state } = next);
      values = (await logits.data()) as Float32Array;
    }
    const end = performance.now();
    logits.dispose();
    state.dispose();
    return { engine: "elapid", prefill: (1000 * PREFILL) / (read - start), decode: (1000 * DECODE) / (end - read) };
  };
}

async function openWllama(dtype: string, threads: number): Promise<() => Promise<PageRound>> {
  const peer = "/peers/@wllama/wllama/esm";
  const { Wllama } = (await import(`${peer}/index.js`)) as WllamaModule;
  const wllama = new Wllama({ default: `${peer}/wasm/wllama.wasm` }, { suppressNativeLog: true });
  const response = await fetch(`/models/mamba-130m-${dtype}.gguf`);
  await wllama.loadModel([await response.blob()], {
    n_ctx: 1024,
    n_batch: PREFILL,
    n_threads: threads,
    n_gpu_layers: 0,
  });
  const prompt = "ab".repeat(PREFILL / 2);
  return async () => {
    const { timings } = await wllama.createCompletion({
      prompt,
      max_tokens: DECODE,
      temperature: 0,
      cache_prompt: false,
    });
    if (!timings) throw new Error("wllama gives no timings");
    return { engine: "wllama", prefill: timings.prompt_per_second, decode: timings.predicted_per_second };
  };
}

/** As much of wllama's types as is used; the page imports it as it is served. */
interface WllamaModule {
  readonly Wllama: new (
    paths: { default: string },
    options: { suppressNativeLog: boolean },
  ) => {
    loadModel(blobs: readonly Blob[], options: object): Promise<void>;
    createCompletion(options: object): Promise<{
      readonly timings?: { readonly prompt_per_second: number; readonly predicted_per_second: number };
    }>;
  };
}
