import type { JsonField } from "../json-field.ts";
import { readVocab, type Model } from "./vocab.ts";

/** A model whose tokens are whole words. */
export function readWordLevel(field: JsonField): Model {
  const vocab = readVocab(field.get("vocab"));
  const unkToken = field.get("unk_token").string("<unk>");
  const unkId = vocab.idOf.get(unkToken);
  return {
    vocab,
    unkId,
    tokenize(word, out) {
      const id = vocab.idOf.get(word) ?? unkId;
      if (id === undefined) return;
      out.ids.push(id);
      out.texts.push(vocab.idOf.has(word) ? word : unkToken);
    },
  };
}
