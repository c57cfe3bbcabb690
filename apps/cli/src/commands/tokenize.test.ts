import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { modelFolder, temporaryFolder } from "../testing/folder.ts";
import { invoke } from "../testing/invoke.ts";

const tokenize = async (args: readonly string[], input = "") =>
  JSON.parse((await invoke(["tokenize", "--json", ...args], { input })).stdout);

test("encodes a text, a file or standard input alike", async () => {
  const expected = { text: "Once upon a time", ids: [433, 443, 259, 403], tokens: ["Once", "Ġupon", "Ġa", "Ġtime"] };
  const file = join(temporaryFolder(), "text");
  writeFileSync(file, expected.text);
  expect(await tokenize(["--text", expected.text])).toEqual(expected);
  expect(await tokenize(["--file", file])).toEqual(expected);
  expect(await tokenize(["--file", "-"], expected.text)).toEqual(expected);
  expect(await tokenize(["--tokenizer", modelFolder({ "model.safetensors": null }), "--text", expected.text])).toEqual(
    expected,
  );
});

test("decodes ids, with and without special tokens", async () => {
  expect(await tokenize(["--ids", "0, 433 443"])).toEqual({ ids: [0, 433, 443], text: "<|endoftext|>Once upon" });
  expect(await tokenize(["--ids", "0 433 443", "--skip-special"])).toMatchObject({ text: "Once upon" });
});

test("encodes 1 MB", async () => {
  const text = "The little dog went to the park. ".repeat(31_000);
  const { ids } = await tokenize(["--file", "-"], text);
  expect(ids.length).toBeGreaterThan(200_000);
});

test("refuses a folder without tokenizer, and an id that the vocabulary lacks", async () => {
  const folder = modelFolder({ "tokenizer.json": null });
  expect(await invoke(["tokenize", "--tokenizer", folder, "--text", "a"])).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/no tokenizer\.json in "/),
  });
  expect(await invoke(["tokenize", "--ids", "99999"])).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/99999/),
  });
});
