import { Tokenizer as PublishedTokenizer } from "@huggingface/tokenizers";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createTokenizer } from "./create-tokenizer.ts";
import { byteLevelWords } from "./text/pre-tokenize.ts";
import { trainBpe } from "./train-bpe.ts";

const text = "the cat sat on the mat. the cat's hat sat on that mat.\n".repeat(3) + "Zwölf Boxkämpfer 狐 🦊 12 12 12\n";

/** The plain algorithm: counts every pair anew for each merge. */
function plainMerges(text: string, count: number): string[] {
  const words = byteLevelWords(text).map((word) => [...word]);
  const merges: string[] = [];
  const idOf = new Map<string, number>();
  const id = (token: string) => idOf.get(token) ?? token.codePointAt(0)!;
  while (merges.length < count) {
    const pairs = new Map<string, number>();
    for (const word of words)
      for (let i = 0; i + 1 < word.length; i++) {
        const pair = `${word[i]} ${word[i + 1]}`;
        pairs.set(pair, (pairs.get(pair) ?? 0) + 1);
      }
    const order = (pair: string) => pair.split(" ").map(id);
    const [best] = [...pairs].toSorted(
      ([a, x], [b, y]) => y - x || order(a)[0] - order(b)[0] || order(a)[1] - order(b)[1],
    );
    if (best === undefined || best[1] < 2) break;
    const [left, right] = best[0].split(" ");
    merges.push(best[0]);
    if (!idOf.has(left + right)) idOf.set(left + right, 2 ** 21 + merges.length);
    for (const word of words)
      for (let i = 0; i + 1 < word.length; i++)
        if (word[i] === left && word[i + 1] === right) word.splice(i, 2, left + right);
  }
  return merges;
}

test("finds the merges that counting anew each time finds", async () => {
  const { model } = await trainBpe([text], { vocabSize: 257 + 60 });
  expect(model.merges.map((pair) => pair.join(" "))).toEqual(plainMerges(text, 60));
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: fc.constantFrom("a", "b", "c", " "), maxLength: 80 }), async (text) => {
      const { model } = await trainBpe([text], { vocabSize: 280 });
      expect(model.merges.map((pair) => pair.join(" "))).toEqual(plainMerges(text, 23));
    }),
    { numRuns: 100 },
  );
});

test("the published library reads it and gives the same ids, and any text comes back", async () => {
  const json = await trainBpe([text], { vocabSize: 300 });
  const config = { bos_token: "<|endoftext|>", eos_token: "<|endoftext|>", tokenizer_class: "TokenizersBackend" };
  const own = await createTokenizer({ tokenizer: json, config });
  const published = new PublishedTokenizer(json, config);
  expect(own).toMatchObject({ vocabSize: 276, bosId: 0, eosId: 0 });
  for (const sample of [text, "the mat", "unseen: ÿ\u0000\r\n\t  ", "<|endoftext|>the"]) {
    expect(own.encode(sample)).toEqual(published.encode(sample).ids);
    expect(own.decode(own.encode(sample), { skipSpecialTokens: false })).toBe(sample);
  }
  expect(own.encode("the mat").length).toBeLessThan(7);
});

test("without merges it is a tokenizer of bytes", async () => {
  const tokenizer = await createTokenizer({ tokenizer: await trainBpe([], { vocabSize: 4096 }) });
  expect(tokenizer.vocabSize).toBe(257);
  expect(tokenizer.encode("hé!")).toHaveLength(4);
  expect(tokenizer.decode(tokenizer.encode("hé!"))).toBe("hé!");
});

test("names what does not fit", async () => {
  await expect(trainBpe([], { vocabSize: 256 })).rejects.toThrow(
    new RangeError("Cannot train a tokenizer: vocabSize is 256 but a whole number from 257 to 16777216 was needed"),
  );
  await expect(trainBpe([], { vocabSize: 300, specialTokens: ["a"] })).rejects.toThrow("is the token of a byte");
  await expect(trainBpe(["a"], { vocabSize: 300, signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow(
    "enough",
  );
});
