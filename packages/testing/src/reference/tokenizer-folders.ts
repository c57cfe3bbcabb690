import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { foldersIn } from "./folders.ts";
import type { Check } from "./report.ts";
import { checkTokenizer, type ExpectedTokenizer } from "./tokenizers.ts";

/** Checks every tokenizer of the tree. */
export async function* checkTokenizers(directory: string): AsyncGenerator<Check> {
  const root = join(directory, "tokenizers");
  for (const name of foldersIn(root)) {
    const path = (file: string) => join(root, name, file);
    const json = (file: string): unknown =>
      existsSync(path(file)) ? JSON.parse(readFileSync(path(file), "utf8")) : undefined;
    const template = path("chat_template.jinja");
    const { passed, failed } = await checkTokenizer({
      name,
      tokenizer: json("tokenizer.json"),
      config: json("tokenizer_config.json"),
      ...(existsSync(template) && { chatTemplate: readFileSync(template, "utf8") }),
      expected: json("expected.json") as ExpectedTokenizer,
    });
    const group = `tokenizer ${name}`;
    for (const id of passed) yield { id, group, outcome: { kind: "passed" } };
    for (const { id, what } of failed) yield { id, group, outcome: { kind: "failed", what } };
  }
}
