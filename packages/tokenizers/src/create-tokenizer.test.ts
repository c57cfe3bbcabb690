import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { goldenTokenizerNames, readGoldenTokenizer } from "../../../golden/tokenizers/read.ts";
import { createTokenizer } from "./create-tokenizer.ts";

const names = await goldenTokenizerNames();
const files = Object.fromEntries(
  await Promise.all(names.map(async (name) => [name, await readGoldenTokenizer(name)] as const)),
);
const make = (name: string) => createTokenizer(files[name]);

/** Letters, digits, spaces, punctuation, other scripts, emoji and lone surrogates. */
const text = fc.string({
  unit: fc.oneof(fc.string({ unit: "binary", maxLength: 1 }), fc.constantFrom("é", "日", "😀", "\uD83D", " ", "\n")),
});

describe.each(names)("%s", (name) => {
  test("streamed pieces, put together, are the decoded whole, and none ends within a character", async () => {
    const tokenizer = await make(name);
    const ids = Array.from({ length: files[name].expected.vocab_size }, (_, id) => id).filter(
      (id) => tokenizer.tokenOf(id) !== undefined,
    );
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...ids)),
        fc.boolean(),
        fc.boolean(),
        (sequence, skipSpecialTokens, cleanUp) => {
          const decoder = tokenizer.stream({ skipSpecialTokens, cleanUp });
          const pieces = [...sequence.map((id) => decoder.push(id)), decoder.flush()];
          expect(pieces.join("")).toBe(tokenizer.decode(sequence, { skipSpecialTokens, cleanUp }));
          expect(pieces.filter((piece) => /\p{Surrogate}/u.test(piece))).toEqual([]);
        },
      ),
      { numRuns: 100 },
    );
  });

  test("encodes text with lone surrogates as text with U+FFFD in their place", async () => {
    const tokenizer = await make(name);
    fc.assert(
      fc.property(text, (input) => {
        expect(tokenizer.encode(input)).toEqual(tokenizer.encode(input.replace(/\p{Surrogate}/gu, "\uFFFD")));
      }),
      { numRuns: 100 },
    );
  });

  test("gives one token for each id, and the ids of its tokens", async () => {
    const tokenizer = await make(name);
    const { text: input, ids } = files[name].expected.cases[9];
    expect(tokenizer.tokens(input, { specialTokens: false })).toHaveLength(ids.length);
    expect(tokenizer.tokens(ids).map((token) => tokenizer.idOf(token))).toEqual(ids);
  });

  test("takes a text of a million characters, with spaces or without", async () => {
    const tokenizer = await make(name);
    for (const unit of ["the free software ", "ab"]) {
      const ids = tokenizer.encode(unit.repeat(1e6 / unit.length), { specialTokens: false });
      const few = tokenizer.encode(unit.repeat(100), { specialTokens: false });
      expect(ids.slice(0, 50)).toEqual(few.slice(0, 50));
    }
  });

  test("refuses to decode an id that it does not have", async () => {
    const tokenizer = await make(name);
    expect(() => tokenizer.decode([5, 100_000])).toThrow(
      new RangeError(`Cannot decode token 100000: the vocabulary has ${tokenizer.vocabSize} tokens, and not this one`),
    );
    expect(() => tokenizer.stream().push(-1)).toThrow(RangeError);
    expect(() => tokenizer.tokens([1.5])).toThrow(RangeError);
  });
});

test("a byte-level tokenizer gives back every well-formed text", async () => {
  const tokenizer = await make("bpe-split");
  fc.assert(
    fc.property(text, (input) => {
      const ids = tokenizer.encode(input, { specialTokens: false });
      expect(tokenizer.decode(ids, { skipSpecialTokens: false })).toBe(input.replace(/\p{Surrogate}/gu, "\uFFFD"));
    }),
  );
});

test("knows the special tokens that the config names", async () => {
  const tokenizer = await make("llama");
  expect([tokenizer.bosId, tokenizer.eosId, tokenizer.padId, tokenizer.unkId]).toEqual([1, 2, undefined, 0]);
  expect([...tokenizer.specialIds]).toEqual([0, 1, 2]);
  expect(tokenizer.tokenOf(1)).toBe("<s>");
  expect(tokenizer.tokenOf(100_000)).toBeUndefined();
});

test("adds the tokens that only the config lists", async () => {
  const { tokenizer: json } = files.unigram;
  const tokenizer = await createTokenizer({
    tokenizer: json,
    config: { added_tokens_decoder: { 600: { content: "<tool>", special: true } } },
  });
  expect(tokenizer.encode("<tool>", { specialTokens: false })).toEqual([600]);
  expect(tokenizer.specialIds).toContain(600);
});

test("leaves spaces before punctuation in place unless asked to remove them", async () => {
  const tokenizer = await make("llama");
  const ids = tokenizer.encode("yes , it 's so .");
  expect(tokenizer.decode(ids)).toBe("yes , it 's so .");
  expect(tokenizer.decode(ids, { cleanUp: true })).toBe("yes, it's so.");
});

describe("malformed files are refused by name and field", () => {
  const { tokenizer: json, config } = files["bpe-split"];
  const withModel = (model: object) => ({ tokenizer: { ...json, model: { ...json.model, ...model } } });

  test.each([
    [{ tokenizer: null }, 'Cannot read "tokenizer.json": the file is null, needed an object'],
    [{ tokenizer: {} }, 'Cannot read "tokenizer.json": model is missing, needed an object'],
    [
      { tokenizer: { ...json, added_tokens: {} } },
      'Cannot read "tokenizer.json": added_tokens is an object, needed an array',
    ],
    [
      { tokenizer: { ...json, added_tokens: [{ id: -1, content: "a" }] } },
      "added_tokens[0].id is -1, needed a whole number from 0",
    ],
    [withModel({ vocab: [] }), 'Cannot read "tokenizer.json": model.vocab is an array, needed an object'],
    [withModel({ vocab: { a: "0" } }), 'model.vocab.a is "0", needed a whole number from 0'],
    [withModel({ merges: ["a"] }), 'model.merges[0] is "a", needed two tokens'],
    [withModel({ type: "Unigram", vocab: [["a", "b"]] }), "model.vocab[0] is an array, needed [token, score]"],
    [
      { tokenizer: json, config: { ...config, bos_token: 1 } },
      'Cannot read "tokenizer_config.json": bos_token is 1, needed an object',
    ],
    [
      { tokenizer: json, config: { chat_template: 1 } },
      'Cannot read "tokenizer_config.json": chat_template is 1, needed a string',
    ],
  ])("as a TypeError %#", async (input, message) => {
    await expect(createTokenizer(input)).rejects.toThrow(TypeError);
    await expect(createTokenizer(input)).rejects.toThrow(message);
  });

  test.each([
    [withModel({ type: "Markov" }), 'model.type is "Markov", known are BPE, Unigram, WordPiece, WordLevel'],
    [withModel({ merges: ["a never"] }), 'model.merges[0] names "never", which is not in model.vocab'],
    [withModel({ unk_token: "[UNK]" }), 'model.unk_token is "[UNK]", which is not in model.vocab'],
    [{ tokenizer: { ...json, normalizer: { type: "Rot13" } } }, 'normalizer.type is "Rot13", known are'],
    [
      { tokenizer: { ...json, pre_tokenizer: { type: "Split", pattern: { Regex: "(" }, behavior: "Isolated" } } },
      "pre_tokenizer.pattern.Regex has no JavaScript form",
    ],
    [{ tokenizer: { ...json, post_processor: { type: "Stamp" } } }, 'post_processor.type is "Stamp", known are'],
    [
      { tokenizer: { ...json, decoder: { type: "Sequence", decoders: [{ type: "Morse" }] } } },
      'decoder.decoders[0].type is "Morse", known are',
    ],
  ])("as a SyntaxError %#", async (input, message) => {
    await expect(createTokenizer(input)).rejects.toThrow(SyntaxError);
    await expect(createTokenizer(input)).rejects.toThrow(message);
  });
});
