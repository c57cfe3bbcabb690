import type { JsonField } from "../json-field.ts";
import { readVocab, type Model } from "./vocab.ts";

/** BERT's model: the longest token at each place of a word, or the unknown token for all of it. */
export function readWordPiece(field: JsonField): Model {
  const vocab = readVocab(field.get("vocab"));
  const prefix = field.get("continuing_subword_prefix").string("##");
  const maxChars = field.get("max_input_chars_per_word").count(100);
  const unkToken = field.get("unk_token").string("[UNK]");
  const unkId =
    vocab.idOf.get(unkToken) ?? field.get("unk_token").invalid(`is "${unkToken}", which is not in model.vocab`);

  /** Tokens of a word given by its characters; undefined if a part of it is in no token. */
  function pieces(chars: readonly string[]): string[] | undefined {
    const tokens: string[] = [];
    for (let start = 0; start < chars.length;) {
      let end = chars.length;
      const lead = start > 0 ? prefix : "";
      while (end > start && !vocab.idOf.has(lead + chars.slice(start, end).join(""))) end--;
      if (end === start) return undefined;
      tokens.push(lead + chars.slice(start, end).join(""));
      start = end;
    }
    return tokens;
  }

  return {
    vocab,
    unkId,
    tokenize(word, out) {
      const chars = [...word];
      for (const token of (chars.length <= maxChars ? pieces(chars) : undefined) ?? [unkToken]) {
        out.ids.push(vocab.idOf.get(token) ?? unkId);
        out.texts.push(token);
      }
    },
  };
}
