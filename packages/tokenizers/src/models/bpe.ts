import type { JsonField } from "../json-field.ts";
import { fallbackTokens } from "../text/bytes.ts";
import { BpeMerger, type MergeRule } from "./bpe-merger.ts";
import { readVocab, type Model, type Vocab } from "./vocab.ts";

/** Words longer than this are rare enough to be merged anew each time. */
const CACHED_WORD_LENGTH = 64;
const CACHED_WORDS = 20_000;

/** Byte pair encoding: the characters of a word, merged pair by pair in the order that training found. */
export function readBpe(field: JsonField): Model {
  const vocab = readVocab(field.get("vocab"));
  const prefix = field.get("continuing_subword_prefix").string("");
  const suffix = field.get("end_of_word_suffix").string("");
  const ignoreMerges = field.get("ignore_merges").boolean(false);
  const unkToken = field.get("unk_token").present ? field.get("unk_token").string() : undefined;
  const unkId = unkToken === undefined ? undefined : vocab.idOf.get(unkToken);
  if (unkToken !== undefined && unkId === undefined)
    field.get("unk_token").invalid(`is "${unkToken}", which is not in model.vocab`);
  const symbols = readSymbols(field, { vocab, prefix, suffix, unkId });
  const merger = new BpeMerger(readMerges(field.get("merges"), vocab, prefix));
  const cache = new Map<string, readonly number[]>();

  function idsOf(word: string): readonly number[] {
    const whole = ignoreMerges ? vocab.idOf.get(word) : undefined;
    if (whole !== undefined) return [whole];
    const known = cache.get(word);
    if (known !== undefined) return known;
    const ids = merger.merge(symbols(word));
    if (word.length <= CACHED_WORD_LENGTH) {
      if (cache.size >= CACHED_WORDS) cache.clear();
      cache.set(word, ids);
    }
    return ids;
  }

  return {
    vocab,
    unkId,
    tokenize(word, out) {
      for (const id of idsOf(word)) {
        out.ids.push(id);
        out.texts.push(vocab.tokenOf.get(id)!);
      }
    },
  };
}

interface SymbolOptions {
  readonly vocab: Vocab;
  readonly prefix: string;
  readonly suffix: string;
  readonly unkId: number | undefined;
}

/** Reads how a word becomes the ids that merging starts from: its characters, their bytes, or the unknown token. */
function readSymbols(field: JsonField, { vocab, prefix, suffix, unkId }: SymbolOptions): (word: string) => number[] {
  const byteFallback = field.get("byte_fallback").boolean(false);
  const fuseUnk = field.get("fuse_unk").boolean(false);

  return (word) => {
    const ids: number[] = [];
    let pendingUnk = false;
    const chars = [...word];
    chars.forEach((char, i) => {
      const symbol = (i > 0 ? prefix : "") + char + (i === chars.length - 1 ? suffix : "");
      const id = vocab.idOf.get(symbol);
      if (id !== undefined) {
        if (pendingUnk) ids.push(unkId!);
        pendingUnk = false;
        ids.push(id);
        return;
      }
      const bytes = byteFallback ? fallbackTokens(symbol).map((token) => vocab.idOf.get(token)) : [];
      if (bytes.length > 0 && bytes.every((byte) => byte !== undefined)) {
        // the reference leaves a waiting unknown token waiting here, so it comes after these bytes
        ids.push(...bytes);
        return;
      }
      if (unkId === undefined) return;
      if (pendingUnk && !fuseUnk) ids.push(unkId);
      pendingUnk = true;
    });
    if (pendingUnk) ids.push(unkId!);
    return ids;
  };
}

/** Reads merges, written as `"a b"` or `["a", "b"]`. @throws SyntaxError for a merge of or into an unknown token. */
function readMerges(field: JsonField, vocab: Vocab, prefix: string): MergeRule[] {
  return field.array().map((value, i) => {
    const pair: unknown = typeof value === "string" ? value.split(" ") : value;
    if (!isPair(pair)) return field.at(i).wrongKind("two tokens");
    const [left, right] = pair;
    const idOf = (token: string) =>
      vocab.idOf.get(token) ?? field.at(i).invalid(`names "${token}", which is not in model.vocab`);
    return { left: idOf(left), right: idOf(right), merged: idOf(left + right.slice(prefix.length)) };
  });
}

function isPair(value: unknown): value is [string, string] {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === "string" && typeof value[1] === "string";
}
