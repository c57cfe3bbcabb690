import { AddedTokenSplitter, readAddedToken, type AddedToken } from "./added-tokens.ts";
import { readDecoder } from "./decode/read-decoder.ts";
import { JsonField } from "./json-field.ts";
import { readModel } from "./models/model.ts";
import type { Pieces } from "./models/vocab.ts";
import { readPostProcessor } from "./post-process.ts";
import { readNormalizer } from "./text/normalize.ts";
import { readPreTokenizer } from "./text/pre-tokenize.ts";
import { TextTokenizer, type ChatParts } from "./text-tokenizer.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** The files of a tokenizer, parsed. */
export interface TokenizerFiles {
  /** tokenizer.json. */
  readonly tokenizer: unknown;
  /** tokenizer_config.json: which tokens begin, end and pad a text, and often the chat template. */
  readonly config?: unknown;
  /** The text of chat_template.jinja, which goes before the config's. */
  readonly chatTemplate?: string;
}

/**
 * Makes a tokenizer from the files that Hugging Face's libraries save; loads the code of its kind, and of chat templates if it has one.
 *
 * @throws TypeError if a field is missing or of the wrong kind, SyntaxError if it makes no sense; both name file and field.
 *
 * @example
 * const tokenizer = await createTokenizer({ tokenizer: JSON.parse(await readFile("tokenizer.json", "utf8")) });
 */
export async function createTokenizer({ tokenizer, config, chatTemplate }: TokenizerFiles): Promise<Tokenizer> {
  const json = new JsonField("tokenizer.json", "", tokenizer);
  const settings = new JsonField("tokenizer_config.json", "", config ?? {});
  const model = await readModel(json.get("model"));
  const normalize = readNormalizer(json.get("normalizer"));
  const preTokenize = readPreTokenizer(json.get("pre_tokenizer"));
  const added = readAddedTokens(json, settings);
  const splitter = new AddedTokenSplitter(added, normalize);

  const idOf = new Map(model.vocab.idOf);
  const tokenOf = new Map(model.vocab.tokenOf);
  for (const { content, id } of added) {
    idOf.set(content, id);
    tokenOf.set(id, content);
  }
  const special = new Set(added.filter((token) => token.special).map((token) => token.content));
  const role = (name: string) => {
    const token = readTokenName(settings.get(name));
    return token === undefined ? undefined : idOf.get(token);
  };

  return new TextTokenizer({
    pieces(text) {
      const pieces: Pieces = { ids: [], texts: [] };
      splitter.split(text).forEach((section, i) => {
        if (section.id === undefined) {
          for (const word of preTokenize(section.text, i === 0)) model.tokenize(word, pieces);
        } else {
          pieces.ids.push(section.id);
          pieces.texts.push(section.text);
        }
      });
      return pieces;
    },
    postProcess: readPostProcessor(json.get("post_processor")),
    decodeStep: readDecoder(json.get("decoder")),
    idOf,
    tokenOf,
    specialIds: new Set(Array.from(tokenOf).flatMap(([id, token]) => (special.has(token) ? [id] : []))),
    roles: {
      bos: role("bos_token"),
      eos: role("eos_token"),
      pad: role("pad_token"),
      unk: role("unk_token") ?? model.unkId,
    },
    chat: await readChat(settings, chatTemplate),
  });
}

/** The added tokens of tokenizer.json, and those that only the config lists. */
function readAddedTokens(json: JsonField, settings: JsonField): AddedToken[] {
  const listed = json.get("added_tokens");
  const tokens = listed.present ? listed.items().map((item) => readAddedToken(item)) : [];
  const decoder = settings.get("added_tokens_decoder");
  if (!decoder.present) return tokens;
  const known = new Set(tokens.map((token) => token.id));
  for (const key of Object.keys(decoder.object())) {
    const id = Number(key);
    if (!Number.isSafeInteger(id) || id < 0) decoder.invalid(`has the key "${key}", needed a token id`);
    if (!known.has(id)) tokens.push(readAddedToken(decoder.get(key), id));
  }
  return tokens;
}

/** A token in a config is its text, or an object with it. */
function readTokenName(field: JsonField): string | undefined {
  if (!field.present) return undefined;
  return typeof field.value === "string" ? field.value : field.get("content").string();
}

/** Tokens that templates know by these names. */
const NAMED_TOKENS = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

async function readChat(settings: JsonField, chatTemplate: string | undefined): Promise<ChatParts | undefined> {
  const found = readTemplates(settings, chatTemplate);
  if (found === undefined) return undefined;
  const { ChatTemplate } = await import("./chat-template.ts");
  const variables: Record<string, string> = {};
  for (const name of NAMED_TOKENS) {
    const token = readTokenName(settings.get(name));
    if (token !== undefined) variables[name] = token;
  }
  return {
    templates: new Map(found.templates),
    compile: (source) => new ChatTemplate(source, found.file),
    variables,
  };
}

/** Chat templates by name, and the file that they stand in. */
function readTemplates(settings: JsonField, chatTemplate: string | undefined) {
  if (chatTemplate !== undefined)
    return { file: "chat_template.jinja", templates: [["default", chatTemplate] as const] };
  const field = settings.get("chat_template");
  if (!field.present) return undefined;
  const templates = Array.isArray(field.value)
    ? field.items().map((item) => [item.get("name").string(), item.get("template").string()] as const)
    : [["default", field.string()] as const];
  return { file: "tokenizer_config.json", templates };
}
