import { readByType, type JsonField } from "../json-field.ts";
import { readBpe } from "./bpe.ts";
import type { Model } from "./vocab.ts";

// most models have byte pairs; what reads the others is loaded for those alone
const readers: Record<string, (field: JsonField) => Model | Promise<Model>> = {
  BPE: readBpe,
  Unigram: async (field) => (await import("./unigram.ts")).readUnigram(field),
  WordPiece: async (field) => (await import("./word-piece.ts")).readWordPiece(field),
  WordLevel: async (field) => (await import("./word-level.ts")).readWordLevel(field),
};

/** Reads the `model` of a tokenizer.json. @throws SyntaxError for an unknown type. */
export async function readModel(field: JsonField): Promise<Model> {
  return field.get("type").present ? readByType(field, readers) : readers[guessType(field)](field);
}

/** Files written before tokenizers 0.9 do not name the type. */
function guessType(field: JsonField): string {
  if (field.get("merges").present) return "BPE";
  if (Array.isArray(field.get("vocab").value)) return "Unigram";
  return field.get("continuing_subword_prefix").present ? "WordPiece" : "WordLevel";
}
