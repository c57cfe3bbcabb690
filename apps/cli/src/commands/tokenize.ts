import { createTokenizer, openSource, type ModelFiles, type Tokenizer } from "elapid";
import { flag, ids, json, text, without, type Args, type Streams } from "../command.ts";
import { oneOf, readText } from "../input.ts";

export const name = "tokenize";
export const summary = "Show the tokens of a text, or the text of tokens";

export const options = {
  tokenizer: text("folder", "folder or URL with a tokenizer.json", "@elapid/stories"),
  text: text("text", "text to encode"),
  file: text("file", "file to encode, or standard input for -"),
  ids: ids("ids to decode"),
  special: without("encode without the tokens that the model expects around a text"),
  skipSpecial: flag("decode without special tokens"),
  json,
};

export async function run({ values }: Args<typeof options>, streams: Streams): Promise<number> {
  const { stdout } = streams;
  const given = oneOf(values, ["text", "file", "ids"]);
  const tokenizer = await openTokenizer(values.tokenizer, streams.signal);

  if (given === "ids") {
    const ids = values.ids!;
    const text = tokenizer.decode(ids, { skipSpecialTokens: values.skipSpecial });
    stdout.write(values.json ? `${JSON.stringify({ ids, text })}\n` : `${text}\n`);
    return 0;
  }
  const text = values.text ?? (await readText(values.file!, streams));
  const encoding = { specialTokens: values.special };
  const ids = tokenizer.encode(text, encoding);
  const tokens = tokenizer.tokens(text, encoding);
  if (values.json) stdout.write(`${JSON.stringify({ text, ids, tokens })}\n`);
  else for (const [i, id] of ids.entries()) stdout.write(`${id}\t${tokens[i]}\n`);
  return 0;
}

async function openTokenizer(location: string, signal: AbortSignal): Promise<Tokenizer> {
  const files = await openSource(location, { signal });
  try {
    return await readTokenizer(files);
  } finally {
    await files.close();
  }
}

async function readTokenizer(files: ModelFiles): Promise<Tokenizer> {
  const tokenizer = await files.json("tokenizer.json");
  if (tokenizer === undefined) throw new Error(`Cannot tokenize: there is no tokenizer.json in "${files.name}"`);
  const config = await files.json("tokenizer_config.json");
  return createTokenizer({ tokenizer, config, chatTemplate: await files.text("chat_template.jinja") });
}
