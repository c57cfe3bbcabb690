import { readByType, type JsonField } from "../json-field.ts";
import { readPattern } from "../text/pattern.ts";
import { chain, mapTokens, type DecodeStep } from "./sink.ts";
import {
  byteFallback,
  byteLevel,
  ctc,
  fuse,
  metaspace,
  replaceText,
  spaced,
  strip,
  wordEnd,
  wordPiece,
} from "./steps.ts";

const readers: Record<string, (field: JsonField) => DecodeStep> = {
  ByteLevel: () => byteLevel,
  ByteFallback: () => byteFallback,
  Fuse: () => fuse,
  BPEDecoder: (field) => wordEnd(field.get("suffix").string("</w>")),
  CTC: (field) =>
    ctc(
      field.get("pad_token").string("<pad>"),
      field.get("word_delimiter_token").string("|"),
      field.get("cleanup").boolean(true),
    ),
  Metaspace: (field) => {
    const prepended = field.get("prepend_scheme").present
      ? field.get("prepend_scheme").string() !== "never"
      : field.get("add_prefix_space").boolean(true);
    return metaspace(field.get("replacement").string("▁"), prepended);
  },
  Replace: (field) => {
    const content = field.get("content").string();
    const literal = field.get("pattern").get("String");
    if (literal.present && literal.string() !== "") return replaceText(literal.string(), content);
    const pattern = readPattern(field.get("pattern"));
    return mapTokens((token) => token.replace(pattern, () => content));
  },
  Strip: (field) => strip(field.get("content").string(" "), field.get("start").count(0), field.get("stop").count(0)),
  WordPiece: (field) => wordPiece(field.get("prefix").string("##"), field.get("cleanup").boolean(true)),
  Sequence: (field) => chain(field.get("decoders").items().map(readDecoder)),
};

/** Reads the `decoder` of a tokenizer.json; none puts a space between tokens. @throws SyntaxError for an unknown type. */
export function readDecoder(field: JsonField): DecodeStep {
  if (!field.present) return spaced;
  return readByType(field, readers);
}
