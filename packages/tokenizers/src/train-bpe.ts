import { byteToChar } from "./text/bytes.ts";
import { byteLevelWords } from "./text/pre-tokenize.ts";
import { PairCounts } from "./pair-counts.ts";

export interface TrainBpeOptions {
  /** Tokens at most, special ones and the 256 bytes included; text that repeats little gives fewer. */
  readonly vocabSize: number;
  /** Tokens that text never becomes; they take the first ids. Default `<|endoftext|>`. */
  readonly specialTokens?: readonly string[];
  /** A pair that comes less often is not merged. Default 2. */
  readonly minFrequency?: number;
  readonly signal?: AbortSignal | undefined;
}

/** A tokenizer.json of a byte-level BPE, for `createTokenizer`, transformers and the library tokenizers. */
export interface BpeTokenizerJson {
  readonly added_tokens: readonly { readonly id: number; readonly content: string }[];
  readonly model: {
    readonly type: "BPE";
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly (readonly [left: string, right: string])[];
  };
}

/**
 * Trains a byte-level BPE as GPT-2's (Sennrich et al. 2016; Radford et al. 2019): text is cut into words, and the pair of
 * neighbouring tokens that comes most often becomes a token, again and again. Of pairs that are equally frequent, the one
 * of the smaller ids is first, so that the same text gives the same tokenizer. Only words and their counts are held.
 *
 * Without text, or with `vocabSize` 257, its tokens are the bytes and `<|endoftext|>`.
 *
 * ```ts
 * const json = await trainBpe(["the cat sat on the mat"], { vocabSize: 270 });
 * const tokenizer = await createTokenizer({ tokenizer: json });
 * ```
 *
 * @throws RangeError if `vocabSize` has no room for the bytes and the special tokens.
 */
export async function trainBpe(
  texts: AsyncIterable<string> | Iterable<string>,
  { vocabSize, specialTokens = ["<|endoftext|>"], minFrequency = 2, signal }: TrainBpeOptions,
): Promise<BpeTokenizerJson> {
  const least = 256 + specialTokens.length;
  if (!(Number.isSafeInteger(vocabSize) && vocabSize >= least && vocabSize <= 2 ** 24)) {
    throw new RangeError(
      `Cannot train a tokenizer: vocabSize is ${vocabSize} but a whole number from ${least} to ${2 ** 24} was needed`,
    );
  }
  const tokens = [...specialTokens, ...Array.from({ length: 256 }, (_, byte) => byteToChar(byte)).toSorted()];
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  if (idOf.size < tokens.length) {
    throw new RangeError("Cannot train a tokenizer: a special token is given twice, or is the token of a byte");
  }

  const counts = new Map<string, number>();
  for await (const text of texts) {
    signal?.throwIfAborted();
    for (const word of byteLevelWords(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const words = [...counts].map(([word, count]) => ({ ids: Array.from(word, (char) => idOf.get(char)!), count }));
  const pairs = new PairCounts(words);
  const merges: [string, string][] = [];
  while (tokens.length < vocabSize) {
    const best = pairs.takeBest();
    if (best === undefined || best.count < minFrequency) break;
    if (merges.length % 256 === 0) signal?.throwIfAborted();
    const { left, right } = best;
    const token = tokens[left] + tokens[right];
    // two ways to the same text share a token
    const id = idOf.get(token) ?? tokens.push(token) - 1;
    idOf.set(token, id);
    merges.push([tokens[left], tokens[right]]);
    pairs.merge(left, right, id);
  }
  return tokenizerJson(Object.fromEntries(idOf), merges, specialTokens);
}

function tokenizerJson(
  vocab: Record<string, number>,
  merges: readonly [string, string][],
  specialTokens: readonly string[],
) {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content, id) => ({ id, content, ...flags })),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: "BPE" as const,
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges,
    },
  };
}
