import { expect, test } from "vitest";
import { goldenTokenizerNames, readGoldenTokenizer } from "../../../../golden/tokenizers/read.ts";
import { checkTokenizer } from "./tokenizers.ts";

test.each(await goldenTokenizerNames())(
  "%s encodes, decodes, streams and renders as the reference does",
  async (name) => {
    const folder = await readGoldenTokenizer(name);
    const { passed, failed } = await checkTokenizer(folder);
    expect(failed).toEqual([]);
    const { cases, pairs, decode_cases, chat = [] } = folder.expected;
    expect(passed).toHaveLength(1 + cases.length + pairs.length + decode_cases.length + chat.length);
  },
);

test("a wrong expectation is reported under its case", async () => {
  const { expected, ...files } = await readGoldenTokenizer("llama");
  const wrong = { vocab_size: expected.vocab_size, cases: [{ ...expected.cases[0], ids: [7] }] };
  const { passed, failed } = await checkTokenizer({ ...files, expected: wrong });
  expect(passed).toEqual(["tokenizers/llama/load/0"]);
  expect(failed).toMatchObject([{ id: "tokenizers/llama/cases/0", what: expect.stringContaining("wanted [7]") }]);
});

test("a tokenizer that cannot be read is one failure", async () => {
  const { passed, failed } = await checkTokenizer({ name: "broken", tokenizer: {}, expected: {} });
  expect(passed).toEqual([]);
  expect(failed).toMatchObject([{ id: "tokenizers/broken/load/0", what: expect.stringContaining("model is missing") }]);
});
