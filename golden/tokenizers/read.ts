import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** The names of the tokenizers kept here. */
export async function goldenTokenizerNames(): Promise<string[]> {
  const entries = await readdir(import.meta.dirname, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

/** The parsed files of one of them. */
export async function readGoldenTokenizer(name: string) {
  const parse = async (file: string) => JSON.parse(await readFile(join(import.meta.dirname, name, file), "utf8"));
  return {
    name,
    tokenizer: await parse("tokenizer.json"),
    config: await parse("tokenizer_config.json"),
    expected: await parse("expected.json"),
  };
}
