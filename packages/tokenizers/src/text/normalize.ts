import { readByType, type JsonField } from "../json-field.ts";
import { PrecompiledNormalizer } from "../library.ts";
import { bytesToChars } from "./bytes.ts";
import { readPattern } from "./pattern.ts";

/** What happens to text before it is split. */
export type Normalize = (text: string) => string;

const readers: Record<string, (field: JsonField) => Normalize> = {
  NFC: () => (text) => text.normalize("NFC"),
  NFD: () => (text) => text.normalize("NFD"),
  NFKC: () => (text) => text.normalize("NFKC"),
  NFKD: () => (text) => text.normalize("NFKD"),
  Lowercase: () => lowercase,
  StripAccents: () => (text) => text.replace(/\p{M}/gu, ""),
  BertNormalizer: readBert,
  Nmt: () => nmt,
  ByteLevel: () => bytesToChars,
  Precompiled: (field) => {
    const library = new PrecompiledNormalizer(field.object());
    return (text) => library.normalize(text);
  },
  Prepend: (field) => {
    const prefix = field.get("prepend").string();
    return (text) => (text === "" ? "" : prefix + text);
  },
  Replace: (field) => {
    const pattern = readPattern(field.get("pattern"));
    const content = field.get("content").string();
    // a function, because "$&" in a replacement string would not stand for itself
    return (text) => text.replace(pattern, () => content);
  },
  Strip: (field) => {
    const left = field.get("strip_left").boolean();
    const right = field.get("strip_right").boolean();
    return (text) => {
      const trimmed = left ? text.replace(/^\p{White_Space}+/u, "") : text;
      return right ? trimEnd(trimmed) : trimmed;
    };
  },
  Sequence: (field) => {
    const steps = field.get("normalizers").items().map(readNormalizer);
    return (text) => steps.reduce((current, step) => step(current), text);
  },
};

/** Reads the `normalizer` of a tokenizer.json; none leaves text as it is. @throws SyntaxError for an unknown type. */
export function readNormalizer(field: JsonField): Normalize {
  if (!field.present) return (text) => text;
  return readByType(field, readers);
}

/** Without the one rule of JavaScript's that looks at neighbours: a sigma at the end of a word stays σ. */
function lowercase(text: string): string {
  return text.replaceAll("Σ", "σ").toLowerCase();
}

/** A regular expression for trailing space would try every run of spaces in the text. */
function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && /\p{White_Space}/u.test(text[end - 1])) end--;
  return text.slice(0, end);
}

/** Drops controls and turns odd spaces into plain ones, as the NMT data preparation did. */
function nmt(text: string): string {
  return text
    .replace(/[\u0001-\u0008\u000B\u000E-\u001F\u007F\u008F\u009F]/g, "")
    .replace(/[\t\n\f\r\u1680\u200B-\u200F\u2028\u2029\u2581\uFEFF\uFFFD]/g, " ");
}

const CJK =
  /[\u4E00-\u9FFF\u3400-\u4DBF\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B920}-\u{2CEAF}\uF900-\uFAFF\u{2F800}-\u{2FA1F}]/gu;

function readBert(field: JsonField): Normalize {
  const clean = field.get("clean_text").boolean(true);
  const separateCjk = field.get("handle_chinese_chars").boolean(true);
  const lower = field.get("lowercase").boolean(true);
  const stripAccents = field.get("strip_accents").boolean(lower);
  return (text) => {
    if (clean) {
      text = text.replace(/[\0\uFFFD]|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}]/gu, "").replace(/\p{White_Space}/gu, " ");
    }
    if (separateCjk) text = text.replace(CJK, " $& ");
    if (stripAccents) text = text.normalize("NFD").replace(/\p{Mn}/gu, "");
    return lower ? lowercase(text) : text;
  };
}
