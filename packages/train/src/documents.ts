import { readText, splitDocuments, type ReadTextOptions } from "./text.ts";

export interface ReadDocumentsOptions extends ReadTextOptions {
  /** What stands between two documents of a text file. Default `<|endoftext|>`. */
  readonly separator?: string;
  /** The field of a JSON line that has its text. Default `text`. */
  readonly field?: string;
}

/**
 * The documents of files, one after the other: of a `.jsonl` or `.jsonl.gz` one a line, of any other text those between
 * separators. Files are read a piece at a time, gzipped or not.
 *
 * ```ts
 * const tokens = await readTokens(readDocuments(["stories.txt.gz", "more.jsonl"]), encode, { separatorId: 0 });
 * ```
 *
 * @throws SyntaxError that names the file, and the line of one that is no JSON; TypeError if a line lacks the field.
 */
export async function* readDocuments(
  files: readonly string[],
  { separator = "<|endoftext|>", field = "text", signal }: ReadDocumentsOptions = {},
): AsyncGenerator<string> {
  for (const file of files) {
    const pieces = readText(file, { ...(signal && { signal }) });
    if (/\.jsonl(\.gz)?$/.test(file)) yield* jsonLines(pieces, file, field);
    else yield* splitDocuments(pieces, separator);
  }
}

async function* jsonLines(pieces: AsyncIterable<string>, file: string, field: string): AsyncGenerator<string> {
  let rest = "";
  let number = 0;
  const textOf = (line: string): string => {
    const refuse = (what: string) => `Cannot read line ${number} of "${file}": ${what}`;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (cause) {
      throw new SyntaxError(refuse((cause as Error).message), { cause });
    }
    const text = (value as Readonly<Record<string, unknown>> | null)?.[field];
    if (typeof text === "string") return text;
    throw new TypeError(refuse(`"${field}" is ${text === undefined ? "missing" : typeof text} but text was needed`));
  };
  for await (const piece of pieces) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      number++;
      if (line.trim() !== "") yield textOf(line);
    }
  }
  number++;
  if (rest.trim() !== "") yield textOf(rest);
}
