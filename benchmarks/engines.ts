import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { load } from "elapid";
import type { WeightDType } from "@elapid/tensor";

/** Tokens that are made one after the other, and read at once. */
export const DECODE = 32;
export const PREFILL = 512;

/** A model that is open in an engine, and the two works that are compared. */
export interface Engine {
  readonly decode: () => Promise<void>;
  readonly prefill: () => Promise<void>;
  readonly dispose: () => Promise<void>;
}

interface ElapidEngine extends Engine {
  /** Bytes of all weights, each of which one token reads. */
  readonly weightBytes: number;
  /** Weights of products that every token of a prompt goes through: not the head, which sees the last one alone. */
  readonly productWeights: number;
  readonly decodeBatch: (batch: number) => Promise<void>;
}

const prompt = Array.from({ length: PREFILL }, (_, i) => (i * 97) % 50280);

/** elapid on WebAssembly, as anyone would open it. */
export async function openElapid(folder: string, dtype: WeightDType, threads: number): Promise<ElapidEngine> {
  const lm = await load(folder, { device: "wasm", dtype, threads, strict: true });
  const parameters = [...lm.model.parameters()];
  const weightBytes = parameters.reduce((sum, [, { byteLength }]) => sum + byteLength, 0);
  const productWeights = parameters
    .filter(([path]) => path.endsWith("roj.weight"))
    .reduce((sum, [, { size }]) => sum + size, 0);
  const decodeBatch = async (batch: number) => {
    const prompts = Array.from({ length: batch }, (_, i) => String.fromCharCode(97 + i)); // a token each
    let count = 0;
    const pieces = lm.generate(prompts, { temperature: 0, maxTokens: DECODE, onToken: () => count++ });
    for await (const _ of pieces) continue;
    if (count !== batch * DECODE) throw new Error(`elapid stopped after ${count} of ${batch * DECODE} tokens`);
  };
  return {
    weightBytes,
    productWeights,
    decodeBatch,
    decode: () => decodeBatch(1),
    prefill: async () => {
      const { logits, state } = lm.forward([prompt], { logits: "last" });
      await logits.data();
      logits.dispose();
      state.dispose();
    },
    dispose: async () => lm.dispose(),
  };
}

/** llama.cpp, native, through node-llama-cpp. */
export async function openLlamaCpp(gguf: string, threads: number): Promise<Engine> {
  const { getLlama } = (await import(
    join(import.meta.dirname, "node_modules/node-llama-cpp/dist/index.js")
  )) as LlamaModule;
  const llama = await getLlama({ gpu: false, build: "never", maxThreads: threads, logLevel: "error" });
  const model = await llama.loadModel({ modelPath: gguf });
  const context = await model.createContext({ contextSize: 1024, batchSize: PREFILL, threads });
  const sequence = context.getSequence();
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
      await sequence.evaluateWithoutGeneratingNewTokens([...prompt]);
    },
    dispose: async () => {
      await context.dispose();
      await llama.dispose();
    },
  };
}

/** The peers are large and nobody else needs them, so only the commands that measure them fetch them. */
export function installPeers(): void {
  if (existsSync(join(import.meta.dirname, "node_modules/@jax-js/jax"))) return;
  console.error("installing the peers into benchmarks/node_modules");
  // an install script of one would fetch a compiler; the prebuilt binary comes as a package of its own, and `npm ci` would
  // refuse the lock where a registry lacks the binary of some other platform
  execFileSync("npm", ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: import.meta.dirname,
    stdio: ["ignore", 2, 2],
  });
}

/** As much of node-llama-cpp's types as is used; its package is not there until a command has fetched it. */
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
