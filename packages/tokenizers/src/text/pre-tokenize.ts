import { readByType, type JsonField } from "../json-field.ts";
import { bytesToChars } from "./bytes.ts";
import { literalPattern, readPattern } from "./pattern.ts";
import { splitAt, splitBehaviors, type SplitBehavior } from "./split.ts";

/** Cuts normalised text into the words that a model then tokenizes one by one; `first` says that it opens the input. */
export type PreTokenize = (text: string, first: boolean) => string[];

const SPACE = /\p{White_Space}+/gu;
const PUNCTUATION = /[\p{P}!-/:-@[-`{-~]/gu;
const WORD_CHAR = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\u200C\\u200D";
const WORDS = new RegExp(`[${WORD_CHAR}]+|[^${WORD_CHAR}\\p{White_Space}]+`, "gu");
const GPT2 =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

const readers: Record<string, (field: JsonField) => PreTokenize> = {
  WhitespaceSplit: () => (text) => splitAt(text, SPACE, "Removed"),
  Whitespace: () => (text) => splitAt(text, WORDS, "Removed", true),
  BertPreTokenizer: () => (text) =>
    splitAt(text, SPACE, "Removed").flatMap((word) => splitAt(word, PUNCTUATION, "Isolated")),
  Punctuation: (field) => {
    const behavior = readBehavior(field.get("behavior"), "Isolated");
    return (text) => splitAt(text, PUNCTUATION, behavior);
  },
  Digits: (field) => {
    const behavior = field.get("individual_digits").boolean(false) ? "Isolated" : "Contiguous";
    return (text) => splitAt(text, /\p{N}/gu, behavior);
  },
  CharDelimiterSplit: (field) => {
    const pattern = literalPattern(field.get("delimiter").string());
    return (text) => splitAt(text, pattern, "Removed");
  },
  FixedLength: (field) => {
    const length = field.get("length").count(5);
    if (length === 0) field.get("length").invalid("is 0, needed at least 1");
    const pattern = new RegExp(`[^]{1,${length}}`, "gu");
    return (text) => splitAt(text, pattern, "Isolated");
  },
  Split: (field) => {
    const pattern = readPattern(field.get("pattern"));
    const behavior = readBehavior(field.get("behavior"));
    const invert = field.get("invert").boolean(false);
    return (text) => splitAt(text, pattern, behavior, invert);
  },
  ByteLevel: (field) => {
    const addSpace = field.get("add_prefix_space").boolean(true);
    const useRegex = field.get("use_regex").boolean(true);
    return (text) => {
      const spaced = addSpace && !text.startsWith(" ") ? ` ${text}` : text;
      return useRegex ? byteLevelWords(spaced) : [bytesToChars(spaced)];
    };
  },
  Metaspace: readMetaspace,
  Sequence: (field) => {
    const steps = field.get("pretokenizers").items().map(readPreTokenizer);
    return (text, first) => {
      let words = [text];
      for (const step of steps) words = words.flatMap((word, i) => step(word, first && i === 0));
      return words;
    };
  },
};

/** The words of a text as GPT-2 cuts it, in characters of the byte-level alphabet. */
export function byteLevelWords(text: string): string[] {
  return splitAt(text, GPT2, "Isolated").map(bytesToChars);
}

/** Reads the `pre_tokenizer` of a tokenizer.json; none leaves text in one piece. @throws SyntaxError for an unknown type. */
export function readPreTokenizer(field: JsonField): PreTokenize {
  if (!field.present) return (text) => [text];
  return readByType(field, readers);
}

function readBehavior(field: JsonField, fallback?: SplitBehavior): SplitBehavior {
  const name = field.string(fallback);
  return (
    splitBehaviors.find((behavior) => behavior.toLowerCase() === name.toLowerCase()) ??
    field.invalid(`is "${name}", known are ${splitBehaviors.join(", ")}`)
  );
}

function readMetaspace(field: JsonField): PreTokenize {
  const replacement = field.get("replacement").string("▁");
  // tokenizers before 0.15 wrote a flag where there are three schemes now
  const scheme = field.get("prepend_scheme").string(field.get("add_prefix_space").boolean(true) ? "always" : "never");
  if (!["always", "first", "never"].includes(scheme))
    field.get("prepend_scheme").invalid(`is "${scheme}", known are always, first, never`);
  const split = field.get("split").boolean(true);
  const pattern = literalPattern(replacement);
  return (text, first) => {
    let marked = text.replaceAll(" ", () => replacement);
    const prepend = scheme === "always" || (scheme === "first" && first);
    if (prepend && !marked.startsWith(replacement)) marked = replacement + marked;
    return split ? splitAt(marked, pattern, "MergedWithNext") : [marked];
  };
}
