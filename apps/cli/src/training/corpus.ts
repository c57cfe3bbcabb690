import { createTokenizer, type Tokenizer } from "elapid";
import { trainBpe } from "@elapid/tokenizers";
import { readDocuments, readTokens, StreamBatches, TokenBatches, type BatchSource } from "@elapid/train";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Settings } from "./settings.ts";

/** The files of a tokenizer, parsed, and what they make. */
export interface TokenizerParts {
  readonly files: { readonly tokenizer: unknown; readonly config: unknown };
  readonly tokenizer: Tokenizer;
}

/** Trained, of bytes, or read from a folder. */
export async function makeTokenizer(settings: Settings, signal: AbortSignal): Promise<TokenizerParts> {
  const { tokenizer: source, vocab, data } = settings;
  if (source !== "train" && source !== "bytes") return readTokenizer(source);
  const documents = source === "train" ? readDocuments(data, { ...settings, signal }) : [];
  const tokenizer = await trainBpe(documents, { vocabSize: source === "train" ? vocab : 257, signal });
  const end = "<|endoftext|>";
  const config = {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: end,
    eos_token: end,
    pad_token: end,
    clean_up_tokenization_spaces: false,
  };
  return { files: { tokenizer, config }, tokenizer: await createTokenizer({ tokenizer, config }) };
}

/** The tokenizer of a folder. */
export async function readTokenizer(folder: string): Promise<TokenizerParts> {
  const read = async (name: string): Promise<unknown> => {
    const path = join(folder, name);
    const content = await readFile(path, "utf8").catch((cause: unknown) => {
      throw new Error(`Cannot read tokenizer "${folder}": ${(cause as Error).message}`, { cause });
    });
    try {
      return JSON.parse(content);
    } catch (cause) {
      throw new SyntaxError(`Cannot read "${path}": ${(cause as Error).message}`, { cause });
    }
  };
  const files = { tokenizer: await read("tokenizer.json"), config: await read("tokenizer_config.json") };
  return { files, tokenizer: await createTokenizer(files) };
}

/** What a run learns from and what it is measured on. */
export interface Corpus {
  readonly tokens: Int32Array;
  readonly training: BatchSource;
  readonly evaluation: { readonly batches: TokenBatches; readonly bytes: number } | undefined;
}

/** Reads and encodes all data; the last share is held out. */
export async function readCorpus(settings: Settings, tokenizer: Tokenizer, signal: AbortSignal): Promise<Corpus> {
  const { data, batch, time, seed, evalSplit } = settings;
  const separatorId = tokenizer.eosId ?? tokenizer.bosId;
  const encode = (text: string) => tokenizer.encode(text, { specialTokens: false });
  const options = { signal, ...(separatorId !== undefined && { separatorId }) };
  const tokens = await readTokens(readDocuments(data, { ...settings, signal }), encode, options).catch(
    (error: unknown) => {
      throw error instanceof RangeError
        ? new RangeError(`Cannot train on ${data.join(", ")}: ${error.message}`)
        : error;
    },
  );
  const held = Math.floor(tokens.length * evalSplit);
  if (evalSplit > 0 && held <= time) {
    throw new RangeError(
      `Cannot hold out ${evalSplit} of ${tokens.length} tokens: a sequence of ${time} does not fit; give more data, a larger --eval-split or a smaller --time`,
    );
  }
  const sizes = { batch, time, separatorId: settings.pack === "reset" ? separatorId : undefined };
  const first = tokens.subarray(0, tokens.length - held);
  const training =
    settings.carry === "on" ? new StreamBatches(first, sizes) : new TokenBatches(first, { ...sizes, seed });
  if (held === 0) return { tokens, training, evaluation: undefined };
  const rest = tokens.subarray(tokens.length - held);
  const batches = new TokenBatches(rest, sizes);
  const labels = rest.subarray(1, batches.windows * time + 1);
  return { tokens, training, evaluation: { batches, bytes: Buffer.byteLength(tokenizer.decode(labels)) } };
}

/** A number that other data would hardly have (FNV-1a of the tokens). */
export function fingerprint(tokens: Int32Array): string {
  let hash = 0x811c9dc5;
  for (const token of tokens) hash = Math.imul(hash ^ token, 0x01000193);
  return `${tokens.length}-${(hash >>> 0).toString(16)}`;
}
