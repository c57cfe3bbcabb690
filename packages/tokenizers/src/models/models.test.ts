import { describe, expect, test } from "vitest";
import { JsonField } from "../json-field.ts";
import { readModel } from "./model.ts";
import type { Pieces } from "./vocab.ts";

const vocabOf = (...tokens: string[]) => Object.fromEntries(tokens.map((token, id) => [token, id]));

async function tokenize(model: object, word: string): Promise<string[]> {
  const pieces: Pieces = { ids: [], texts: [] };
  const { tokenize } = await readModel(new JsonField("tokenizer.json", "model", model));
  tokenize(word, pieces);
  return pieces.texts;
}

describe("BPE", () => {
  const abc = {
    type: "BPE",
    vocab: vocabOf("a", "b", "c", "ab", "bc", "abc", "aa"),
    merges: ["b c", ["a", "b"], "ab c", "a a"],
  };

  test("merges the earliest rule first, then from left to right", async () => {
    expect(await tokenize(abc, "abcabaaa")).toEqual(["a", "bc", "ab", "aa", "a"]);
  });

  test("takes a whole word that is a token if it may", async () => {
    expect(await tokenize(abc, "abc")).toEqual(["a", "bc"]);
    expect(await tokenize({ ...abc, ignore_merges: true }, "abc")).toEqual(["abc"]);
  });

  test("drops, replaces, fuses or spells out unknown characters", async () => {
    const unknown = { ...abc, vocab: vocabOf("<unk>", "a", "b", "c", "ab", "bc", "abc", "aa"), unk_token: "<unk>" };
    expect(await tokenize(abc, "a日本a")).toEqual(["aa"]);
    expect(await tokenize(unknown, "a日本a")).toEqual(["a", "<unk>", "<unk>", "a"]);
    expect(await tokenize({ ...unknown, fuse_unk: true }, "a日本a")).toEqual(["a", "<unk>", "a"]);
    const bytes = { ...unknown, byte_fallback: true, vocab: { ...unknown.vocab, "<0xC3>": 8, "<0xA9>": 9 } };
    expect(await tokenize(bytes, "aéè")).toEqual(["a", "<0xC3>", "<0xA9>", "<unk>"]);
  });

  test("marks how words go on and end", async () => {
    expect(
      await tokenize(
        { type: "BPE", vocab: vocabOf("a", "b</w>", "ab</w>"), merges: ["a b</w>"], end_of_word_suffix: "</w>" },
        "ab",
      ),
    ).toEqual(["ab</w>"]);
    const prefixed = {
      type: "BPE",
      vocab: vocabOf("a", "##b", "ab"),
      merges: ["a ##b"],
      continuing_subword_prefix: "##",
    };
    expect(await tokenize(prefixed, "ab")).toEqual(["ab"]);
  });

  test("merges as the plain algorithm does, pair by pair", async () => {
    const merges = ["a b", "b a", "ab a", "a a", "ba b", "aba b"];
    const model = { type: "BPE", merges, vocab: vocabOf("a", "b", ...merges.map((merge) => merge.replace(" ", ""))) };
    for (let bits = 0; bits < 1024; bits++) {
      const word = bits.toString(2).replaceAll("0", "a").replaceAll("1", "b");
      expect(await tokenize(model, word)).toEqual(mergePlainly([...word], merges));
    }
  });
});

function mergePlainly(symbols: string[], merges: readonly string[]): string[] {
  const ranks = symbols.slice(1).map((right, i) => merges.indexOf(`${symbols[i]} ${right}`));
  const best = Math.min(...ranks.filter((rank) => rank >= 0));
  if (best === Infinity) return symbols;
  const at = ranks.indexOf(best);
  return mergePlainly([...symbols.slice(0, at), symbols[at] + symbols[at + 1], ...symbols.slice(at + 2)], merges);
}

describe("Unigram", () => {
  const vocab = [
    ["<unk>", 0],
    ["a", -2],
    ["b", -2],
    ["ab", -3],
    ["abb", -6],
    ["<0xC3>", -9],
    ["<0xA9>", -9],
  ];
  const model = { type: "Unigram", unk_id: 0, vocab };

  test("finds the likeliest split", async () => {
    expect(await tokenize(model, "abb")).toEqual(["ab", "b"]);
    expect(await tokenize(model, "aab")).toEqual(["a", "ab"]);
  });

  test("keeps runs of unknown characters together, or spells them out", async () => {
    expect(await tokenize(model, "a日😀b")).toEqual(["a", "日😀", "b"]);
    expect(await tokenize({ ...model, byte_fallback: true }, "aéb")).toEqual(["a", "<0xC3>", "<0xA9>", "b"]);
    expect(await tokenize({ ...model, byte_fallback: true }, "a日b")).toEqual(["a", "日", "b"]);
  });

  test("says so when it has no token for a character", async () => {
    await expect(tokenize({ type: "Unigram", vocab }, "a日")).rejects.toThrow(
      'Cannot encode "日": no token covers it and the model has no unknown token',
    );
  });
});

describe("WordPiece", () => {
  const model = {
    type: "WordPiece",
    vocab: vocabOf("[UNK]", "un", "##aff", "##able", "##a"),
    max_input_chars_per_word: 9,
  };

  test("takes the longest token at each place, or gives the word up", async () => {
    expect(await tokenize(model, "unaffable")).toEqual(["un", "##aff", "##able"]);
    expect(await tokenize(model, "unaffablx")).toEqual(["[UNK]"]);
    expect(await tokenize(model, "unaffablea")).toEqual(["[UNK]"]);
  });
});

test("WordLevel knows whole words", async () => {
  const model = { type: "WordLevel", vocab: vocabOf("<unk>", "a"), unk_token: "<unk>" };
  expect([await tokenize(model, "a"), await tokenize(model, "b")].flat()).toEqual(["a", "<unk>"]);
});
