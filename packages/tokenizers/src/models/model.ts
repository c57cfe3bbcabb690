import { readByType, type JsonField } from "../json-field.ts";
import { readBpe } from "./bpe.ts";
import { readUnigram } from "./unigram.ts";
import type { Model } from "./vocab.ts";
import { readWordLevel } from "./word-level.ts";
import { readWordPiece } from "./word-piece.ts";

const readers: Record<string, (field: JsonField) => Model> = {
  BPE: readBpe,
  Unigram: readUnigram,
  WordPiece: readWordPiece,
  WordLevel: readWordLevel,
};

/** Reads the `model` of a tokenizer.json. @throws SyntaxError for an unknown type. */
export function readModel(field: JsonField): Model {
  return field.get("type").present ? readByType(field, readers) : readers[guessType(field)](field);
}

/** Files written before tokenizers 0.9 do not name the type. */
function guessType(field: JsonField): string {
  if (field.get("merges").present) return "BPE";
  if (Array.isArray(field.get("vocab").value)) return "Unigram";
  return field.get("continuing_subword_prefix").present ? "WordPiece" : "WordLevel";
}
