import { describe, expect, test } from "vitest";
import { JsonField } from "../json-field.ts";
import { readNormalizer } from "./normalize.ts";
import { readPreTokenizer } from "./pre-tokenize.ts";
import { splitAt, type SplitBehavior } from "./split.ts";

const field = (value: unknown) => new JsonField("tokenizer.json", "step", value);

describe("splitting", () => {
  test.each<[SplitBehavior, string[], string[]]>([
    ["Isolated", ["a", "-", "-", "b", "-"], ["a", "-", "-", "b", "-"]],
    ["Removed", ["a", "b"], ["-", "-", "-"]],
    ["Contiguous", ["a", "--", "b", "-"], ["a", "--", "b", "-"]],
    ["MergedWithPrevious", ["a-", "-", "b-"], ["a", "-", "-b", "-"]],
    ["MergedWithNext", ["a", "-", "-b", "-"], ["a-", "-", "b-"]],
  ])("%s", (behavior, plain, inverted) => {
    expect(splitAt("a--b-", /-/gu, behavior)).toEqual(plain);
    expect(splitAt("a--b-", /-/gu, behavior, true)).toEqual(inverted);
  });
});

describe("normalizers do what Hugging Face's tokenizers does", () => {
  test.each<[object, string, string]>([
    [{ type: "Lowercase" }, "ΟΔΟΣ İ", "οδοσ i̇"],
    [{ type: "StripAccents" }, "e\u0301", "e"],
    [{ type: "NFKC" }, "ﬁ²Å", "fi2Å"],
    [{ type: "Strip", strip_left: true, strip_right: true }, "\u0085 a\uFEFF \n", "a\uFEFF"],
    [{ type: "Prepend", prepend: "▁" }, "", ""],
    [{ type: "Prepend", prepend: "▁" }, "a", "▁a"],
    [{ type: "Replace", pattern: { String: "a" }, content: "$&" }, "aba", "$&b$&"],
    [{ type: "Replace", pattern: { Regex: " {2,}" }, content: " " }, "a   b", "a b"],
    [{ type: "Nmt" }, "a\u0001b\u200Bc", "ab c"],
    [{ type: "ByteLevel" }, "é a", "Ã©Ġa"],
    [{ type: "Sequence", normalizers: [{ type: "NFD" }, { type: "StripAccents" }] }, "é", "e"],
    [{ type: "BertNormalizer" }, "É\u0000\u200D\t日𠀀Σ", "e  日  𠀀 σ"],
    [{ type: "BertNormalizer", lowercase: false, handle_chinese_chars: false, clean_text: false }, "É日\t", "É日\t"],
  ])("%j", (config, text, expected) => {
    expect(readNormalizer(field(config))(text)).toBe(expected);
  });
});

describe("pre-tokenizers do what Hugging Face's tokenizers does", () => {
  const metaspace = { type: "Metaspace", replacement: "▁" };
  test.each<[object, string, string[]]>([
    [{ type: "WhitespaceSplit" }, " a\uFEFFb\u0085c ", ["a\uFEFFb", "c"]],
    [{ type: "Whitespace" }, "naïve don't…", ["naïve", "don", "'", "t", "…"]],
    [{ type: "BertPreTokenizer" }, "don't ##", ["don", "'", "t", "#", "#"]],
    [{ type: "Punctuation", behavior: "Contiguous" }, "a!?b$", ["a", "!?", "b", "$"]],
    [{ type: "Digits", individual_digits: false }, "a12²b", ["a", "12²", "b"]],
    [{ type: "Digits", individual_digits: true }, "a12", ["a", "1", "2"]],
    [{ type: "CharDelimiterSplit", delimiter: "." }, "a.b", ["a", "b"]],
    [{ type: "FixedLength", length: 2 }, "a😀b", ["a😀", "b"]],
    [{ type: "ByteLevel", add_prefix_space: true }, "a  b's\uFEFF", ["Ġa", "Ġ", "Ġb", "'s", "ï»¿"]],
    [{ type: "ByteLevel", add_prefix_space: false, use_regex: false }, "a b", ["aĠb"]],
    [
      { type: "Split", pattern: { Regex: "(?i:'s)|\\p{N}{1,3}" }, behavior: "Isolated" },
      "a'S1234",
      ["a", "'S", "123", "4"],
    ],
    [{ type: "Split", pattern: { String: "." }, behavior: "removed", invert: true }, "a.b.", [".", "."]],
    [metaspace, "a  b", ["▁a", "▁", "▁b"]],
    [{ ...metaspace, prepend_scheme: "never", split: false }, "a b", ["a▁b"]],
    [{ ...metaspace, add_prefix_space: false }, "a b", ["a", "▁b"]],
    [
      { type: "Sequence", pretokenizers: [{ type: "WhitespaceSplit" }, { ...metaspace, prepend_scheme: "first" }] },
      "a b",
      ["▁a", "b"],
    ],
  ])("%j", (config, text, expected) => {
    expect(readPreTokenizer(field(config))(text, true)).toEqual(expected);
  });

  test("Metaspace with the scheme first marks nothing further on", () => {
    expect(readPreTokenizer(field({ ...metaspace, prepend_scheme: "first" }))("a b", false)).toEqual(["a", "▁b"]);
  });
});
