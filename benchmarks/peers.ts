import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { openDevice } from "elapid";
import { openModelFiles } from "@elapid/loaders";
import { argmax, loadModel, type State } from "@elapid/models";
import { printRows, rateRow } from "./report.ts";
import { randomMamba } from "./random-mamba.ts";
import { interleave } from "./stats.ts";

const THREADS = 2;
const ROUNDS = 7;
const DECODE = 32;
const PREFILL = 512;

export const summary = "decode and prefill of the mamba-130m shape beside llama.cpp";

/** Measures elapid on WebAssembly beside llama.cpp, native, on the same weights, in turns. */
export async function run({ json }: { readonly json: boolean }): Promise<void> {
  installPeers();
  const { folder, gguf } = await randomMamba(join(import.meta.dirname, "../.cache/bench"));
  const ours = await openElapid(folder);
  const theirs = await openLlamaCpp(gguf);
  const what = { dtype: "f32", threads: THREADS, peerName: "llama.cpp", unit: "tokens/s" };

  const decode = await interleave(ROUNDS, [ours.decode, theirs.decode]);
  const prefill = await interleave(ROUNDS, [ours.prefill, theirs.prefill]);
  printRows(
    [
      rateRow({ work: `decode ${DECODE}`, ...what }, DECODE, decode[0], decode[1]),
      rateRow({ work: `prefill ${PREFILL}`, ...what }, PREFILL, prefill[0], prefill[1]),
    ],
    json,
  );
  await theirs.dispose();
  ours.dispose();
}

/** The peers are large and nobody else needs them, so only this command fetches them. */
function installPeers(): void {
  if (existsSync(join(import.meta.dirname, "node_modules/node-llama-cpp"))) return;
  console.error("installing the peers into benchmarks/node_modules");
  // its install script would fetch a compiler; the prebuilt binary comes as a package of its own
  execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: import.meta.dirname,
    stdio: ["ignore", 2, 2],
  });
}

async function openElapid(folder: string) {
  const device = await openDevice("wasm", { threads: THREADS });
  const lm = await loadModel(await openModelFiles(folder), device);
  const prompt = Array.from({ length: PREFILL }, (_, i) => (i * 97) % lm.model.vocabSize);
  const first = lm.forward([[0]], { logits: "last" });
  first.logits.dispose();
  return {
    decode: async () => {
      let state: State = first.state.fork();
      let id = 1;
      for (let i = 0; i < DECODE; i++) {
        const next = lm.forward([[id]], { state });
        state.dispose();
        state = next.state;
        id = argmax((await next.logits.data()) as Float32Array);
        next.logits.dispose();
      }
      state.dispose();
    },
    prefill: async () => {
      const { logits, state } = lm.forward([prompt], { logits: "last" });
      await logits.data();
      logits.dispose();
      state.dispose();
    },
    dispose: () => {
      first.state.dispose();
      lm.dispose();
      device.dispose();
    },
  };
}

async function openLlamaCpp(gguf: string) {
  const { getLlama } = (await import(
    join(import.meta.dirname, "node_modules/node-llama-cpp/dist/index.js")
  )) as LlamaModule;
  const llama = await getLlama({ gpu: false, build: "never", maxThreads: THREADS, logLevel: "error" });
  const model = await llama.loadModel({ modelPath: gguf });
  const context = await model.createContext({ contextSize: 1024, batchSize: PREFILL, threads: THREADS });
  const sequence = context.getSequence();
  const prompt = Array.from({ length: PREFILL }, (_, i) => (i * 97) % 50280);
  return {
    decode: async () => {
      await sequence.clearHistory();
      let count = 0;
      for await (const _ of sequence.evaluate([0], { temperature: 0, yieldEogToken: true })) {
        if (++count === DECODE) break;
      }
      if (count !== DECODE) throw new Error(`llama.cpp stopped after ${count} of ${DECODE} tokens`);
    },
    prefill: async () => {
      await sequence.clearHistory();
      await sequence.evaluateWithoutGeneratingNewTokens(prompt);
    },
    dispose: async () => {
      await context.dispose();
      await llama.dispose();
    },
  };
}

/** As much of node-llama-cpp's types as is used; its package is not there until this command has run once. */
interface LlamaModule {
  getLlama(options: object): Promise<{
    loadModel(options: { modelPath: string }): Promise<{
      createContext(options: object): Promise<{
        getSequence(): {
          clearHistory(): Promise<void>;
          evaluate(tokens: readonly number[], options: object): AsyncIterable<number>;
          evaluateWithoutGeneratingNewTokens(tokens: readonly number[]): Promise<void>;
        };
        dispose(): Promise<void>;
      }>;
    }>;
    dispose(): Promise<void>;
  }>;
}
