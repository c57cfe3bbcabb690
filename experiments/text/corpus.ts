import { join } from "node:path";
import { createTokenizer, trainBpe } from "@elapid/tokenizers";
import { readDocuments, readTokens } from "@elapid/train";
import { writeStories } from "./stories.ts";

const VOCAB = 512;
const cache = join(import.meta.dirname, "../../.cache/study");

/** Text as tokens of a tokenizer that was trained on its first part. */
export interface Corpus {
  /** Where it comes from. */
  readonly source: string;
  readonly vocabSize: number;
  readonly training: Int32Array;
  /** The last twentieth. */
  readonly validation: Int32Array;
  /** Bytes of a token of the validation text, on average. */
  readonly bytesPerToken: number;
}

export interface CorpusOptions {
  /** JSON lines or text, gzipped or not. Default: stories that the embedded model writes. */
  readonly text: string | undefined;
  /** Stories of each beginning, where there is no text. */
  readonly seeds: number;
  /** Documents at most. */
  readonly documents: number;
  readonly progress: (line: string) => void;
}

/** Reads a text, or makes one, and turns it into tokens. */
export async function openCorpus({ text, seeds, documents, progress }: CorpusOptions): Promise<Corpus> {
  const made = join(cache, `stories-${seeds}.jsonl`);
  if (text === undefined) await writeStories(made, { seeds, progress });
  const found: string[] = [];
  for await (const document of readDocuments([text ?? made])) {
    found.push(document);
    if (found.length === documents) break;
  }
  const held = Math.ceil(found.length / 20);
  const [learned, kept] = [found.slice(0, -held), found.slice(-held)];
  const tokenizer = await createTokenizer({ tokenizer: await trainBpe(learned, { vocabSize: VOCAB }) });
  const encode = (document: string) => tokenizer.encode(document);
  const validation = await readTokens(kept, encode, { separatorId: 0 });
  return {
    source:
      text === undefined
        ? `${found.length} stories that the embedded model wrote`
        : `${found.length} documents of a file`,
    vocabSize: VOCAB,
    training: await readTokens(learned, encode, { separatorId: 0 }),
    validation,
    bytesPerToken:
      kept.reduce((sum, document) => sum + new TextEncoder().encode(document).length + 1, 0) / validation.length,
  };
}
