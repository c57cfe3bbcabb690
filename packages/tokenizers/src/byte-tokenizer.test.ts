import fc from "fast-check";
import { expect, test } from "vitest";
import { byteTokenizer } from "./byte-tokenizer.ts";

test("gives back the well-formed form of every text, and streams it", () =>
  fc.assert(
    fc.property(
      fc.string({
        unit: fc.oneof(
          fc.string({ unit: "binary", maxLength: 1 }),
          fc.constantFrom("\uD800", "\uDC00", "\uFEFF", "<bos>"),
        ),
      }),
      (text) => {
        const tokenizer = byteTokenizer({ bosId: 256 });
        const wellFormed = text.replace(/\p{Surrogate}/gu, "\uFFFD");
        const ids = tokenizer.encode(text);
        expect(ids).toEqual([256, ...new TextEncoder().encode(wellFormed)]);
        expect(tokenizer.decode(ids)).toBe(wellFormed);
        const decoder = tokenizer.stream();
        const pieces = [...ids.map((id) => decoder.push(id)), decoder.flush()];
        expect(pieces.join("")).toBe(wellFormed);
        expect(pieces.filter((piece) => [...piece].length > 1)).toEqual([]);
      },
    ),
  ));

test("takes special ids of the caller's choice", () => {
  const tokenizer = byteTokenizer({ bosId: 256, eosId: 257, padId: 256 });
  expect(tokenizer.encode("hé")).toEqual([256, 104, 195, 169]);
  expect(tokenizer.encode("hé", { specialTokens: false })).toEqual([104, 195, 169]);
  expect(tokenizer.encodePair("a", "b")).toEqual({ ids: [256, 97, 256, 98], typeIds: [0, 0, 1, 1] });
  expect(tokenizer.decode([256, 104, 257], { skipSpecialTokens: false })).toBe("<bos>h<eos>");
  expect(tokenizer.vocabSize).toBe(258);
  expect([tokenizer.bosId, tokenizer.eosId, tokenizer.padId, tokenizer.unkId]).toEqual([256, 257, 256, undefined]);
});

test("shows broken bytes as U+FFFD and refuses what is no byte", () => {
  const tokenizer = byteTokenizer();
  expect(tokenizer.decode([0xe6, 0x97, 0x41, 0xff])).toBe("\uFFFDA\uFFFD");
  expect(() => tokenizer.decode([256])).toThrow(
    new RangeError("Cannot decode token 256: the vocabulary has 256 tokens, and not this one"),
  );
  expect(() => byteTokenizer({ eosId: 10 })).toThrow(
    new RangeError("Cannot make a byte tokenizer: eosId is 10, needed a whole number from 256"),
  );
});

test("has no chat template", () => {
  expect(byteTokenizer().hasChatTemplate).toBe(false);
  expect(() => byteTokenizer().applyChatTemplate([])).toThrow("Cannot apply a chat template: the tokenizer has none");
});
