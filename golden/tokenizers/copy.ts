// Copies a part of a reference tree's tokenizers here: node golden/tokenizers/copy.ts <tree>/tokenizers
// The tree was written by Hugging Face's tokenizers 0.23.2 (Rust) and transformers 5.18.0 over random small vocabularies.
import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

interface Case {
  readonly text?: string;
  readonly ids?: readonly number[];
}

/** Texts that `@huggingface/tokenizers` encodes or decodes otherwise than the reference. */
const DISPUTED = /\uFEFF|<tool>|['\u{10000}-\u{10FFFF}]/u;
const LONGEST = 120;

const source = process.argv[2];
if (source === undefined) throw new TypeError("Cannot copy: no folder given, needed a reference tree's tokenizers");
for (const name of await readdir(source)) {
  const target = join(import.meta.dirname, name);
  await mkdir(target, { recursive: true });
  for (const file of ["tokenizer.json", "tokenizer_config.json"]) await copyFile(join(source, name, file), join(target, file));
  const expected = JSON.parse(await readFile(join(source, name, "expected.json"), "utf8"));
  const some = (cases: readonly Case[]) =>
    cases.filter(({ text = "", ids = [] }, i) => ids.length <= LONGEST && (i % 3 === 0 || DISPUTED.test(text)));
  const part = { ...expected, cases: some(expected.cases), decode_cases: some(expected.decode_cases) };
  await writeFile(join(target, "expected.json"), `${JSON.stringify(part)}\n`);
}
