import type { GgufValue, ModelFiles } from "@elapid/loaders";
import type { ConfigReader } from "./config.ts";

/** Kinds of tokens in the words of llama.cpp. */
const KINDS = { normal: 1, control: 3, userDefined: 4, unused: 5 } as const;

interface Vocabulary {
  readonly architecture: string;
  /** Rows of the embedding, of which each needs a token. */
  readonly vocabSize: number;
  readonly config: ConfigReader;
}

/**
 * The tokenizer of a model as GGUF's metadata: a byte-level BPE, llama.cpp's `gpt2`, or for a model without one the
 * number of its tokens alone.
 *
 * @throws TypeError, made by `fail`, that names what llama.cpp's tokenizer cannot do.
 */
export async function ggufTokenizer(
  files: ModelFiles,
  { architecture, vocabSize, config }: Vocabulary,
  fail: (what: string) => TypeError,
): Promise<Record<string, GgufValue>> {
  const json = (await files.json("tokenizer.json")) as TokenizerJson | undefined;
  if (json === undefined) {
    return { "tokenizer.ggml.model": { string: "none" }, [`${architecture}.vocab_size`]: { u32: vocabSize } };
  }
  const { model, pre_tokenizer: pre, added_tokens: added = [] } = json;
  const kind = model?.type ?? (model?.merges === undefined ? undefined : "BPE");
  if (kind !== "BPE")
    throw fail(`its tokenizer.json is of the kind "${kind}", and byte-level BPE alone can be written`);
  if (!isGpt2(pre))
    throw fail(`its tokenizer.json splits text by "${describe(pre)}", and GPT-2's byte level alone can be written`);

  const tokens: (string | undefined)[] = Array.from({ length: vocabSize });
  const kinds: number[] = Array.from({ length: vocabSize }, () => KINDS.normal);
  const place = (token: string, id: number, kind: number) => {
    if (id >= vocabSize)
      throw fail(`token ${id} of its tokenizer.json is beyond the ${vocabSize} rows of the embedding`);
    tokens[id] = token;
    kinds[id] = kind;
  };
  for (const [token, id] of Object.entries(model?.vocab ?? {})) place(token, id, KINDS.normal);
  for (const { content, id, special } of added) place(content, id, special ? KINDS.control : KINDS.userDefined);
  for (let id = 0; id < vocabSize; id++) if (tokens[id] === undefined) place(`[PAD${id}]`, id, KINDS.unused);

  const template = await chatTemplate(files);
  return {
    "tokenizer.ggml.model": { string: "gpt2" },
    "tokenizer.ggml.pre": { string: "gpt-2" },
    "tokenizer.ggml.tokens": { strings: tokens as string[] },
    "tokenizer.ggml.token_type": { i32s: kinds },
    "tokenizer.ggml.merges": {
      strings: (model?.merges ?? []).map((pair) => (typeof pair === "string" ? pair : pair.join(" "))),
    },
    ...tokenId("bos", config),
    ...tokenId("eos", config),
    ...tokenId("pad", config, "padding"),
    ...(template !== undefined && { "tokenizer.chat_template": { string: template } }),
  };
}

/** As much of `tokenizer.json` as is written. */
interface TokenizerJson {
  readonly model?: {
    readonly type?: string;
    readonly vocab?: Readonly<Record<string, number>>;
    readonly merges?: readonly (string | readonly string[])[];
  };
  readonly pre_tokenizer?: PreTokenizer | null;
  readonly added_tokens?: readonly { readonly content: string; readonly id: number; readonly special: boolean }[];
}

interface PreTokenizer {
  readonly type: string;
  readonly add_prefix_space?: boolean;
  readonly use_regex?: boolean;
  readonly pretokenizers?: readonly PreTokenizer[];
}

function isGpt2(pre: PreTokenizer | null | undefined): boolean {
  return pre?.type === "ByteLevel" && pre.add_prefix_space !== true && pre.use_regex !== false;
}

function describe(pre: PreTokenizer | null | undefined): string {
  if (!pre) return "nothing";
  if (pre.type === "ByteLevel")
    return pre.add_prefix_space === true ? "ByteLevel with a space before" : "ByteLevel alone";
  return pre.pretokenizers?.map(({ type }) => type).join(", ") ?? pre.type;
}

function tokenId(name: string, config: ConfigReader, written = name): Record<string, GgufValue> {
  const id = config.raw(`${name}_token_id`);
  return typeof id === "number" ? { [`tokenizer.ggml.${written}_token_id`]: { u32: id } } : {};
}

async function chatTemplate(files: ModelFiles): Promise<string | undefined> {
  const template = await files.text("chat_template.jinja");
  if (template !== undefined) return template;
  const config = (await files.json("tokenizer_config.json")) as { readonly chat_template?: unknown } | undefined;
  return typeof config?.chat_template === "string" ? config.chat_template : undefined;
}
