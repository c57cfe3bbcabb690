import type { ChatMessage, ChatTemplate, ChatTemplateOptions } from "./chat-template.ts";
import { chain, type DecodeStep } from "./decode/sink.ts";
import { cleanUp } from "./decode/steps.ts";
import type { Pieces } from "./models/vocab.ts";
import type { PostProcess } from "./post-process.ts";
import { streamDecoder, type StreamDecoder } from "./stream.ts";
import type { DecodeOptions, EncodeOptions, PairEncoding, Tokenizer } from "./tokenizer.ts";

/** What differs between tokenizers. */
export interface TokenizerParts {
  /** Tokens of well-formed text, none added. */
  readonly pieces: (text: string) => Pieces;
  readonly postProcess: PostProcess;
  readonly decodeStep: DecodeStep;
  readonly idOf: ReadonlyMap<string, number>;
  readonly tokenOf: ReadonlyMap<number, string>;
  readonly specialIds: ReadonlySet<number>;
  readonly roles: { readonly bos?: number; readonly eos?: number; readonly pad?: number; readonly unk?: number };
  readonly chat?: ChatParts;
}

/** The chat templates of a tokenizer by name, and the variables that they all get. */
export interface ChatParts {
  readonly templates: ReadonlyMap<string, string>;
  readonly compile: (source: string) => ChatTemplate;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** The one implementation of `Tokenizer`, over its parts. */
export class TextTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  readonly padId: number | undefined;
  readonly unkId: number | undefined;
  readonly specialIds: ReadonlySet<number>;
  readonly hasChatTemplate: boolean;
  readonly #parts: TokenizerParts;
  readonly #compiled = new Map<string, ChatTemplate>();

  constructor(parts: TokenizerParts) {
    this.#parts = parts;
    this.vocabSize = parts.tokenOf.size;
    ({ bos: this.bosId, eos: this.eosId, pad: this.padId, unk: this.unkId } = parts.roles);
    this.specialIds = parts.specialIds;
    this.hasChatTemplate = parts.chat !== undefined;
  }

  encode(text: string, { specialTokens = true }: EncodeOptions = {}): number[] {
    return this.#parts.postProcess([this.#pieces(text)], specialTokens).ids;
  }

  encodePair(first: string, second: string, { specialTokens = true }: EncodeOptions = {}): PairEncoding {
    const { ids, typeIds } = this.#parts.postProcess([this.#pieces(first), this.#pieces(second)], specialTokens);
    return { ids, typeIds };
  }

  decode(ids: Iterable<number>, options?: DecodeOptions): string {
    const decoder = this.stream(options);
    let text = "";
    for (const id of ids) text += decoder.push(id);
    return text + decoder.flush();
  }

  tokens(input: string | Iterable<number>, { specialTokens = true }: EncodeOptions = {}): string[] {
    if (typeof input === "string") return this.#parts.postProcess([this.#pieces(input)], specialTokens).texts;
    return Array.from(input, (id) => this.#known(id));
  }

  stream({ skipSpecialTokens = true, cleanUp: tidy = false }: DecodeOptions = {}): StreamDecoder {
    const { decodeStep } = this.#parts;
    return streamDecoder(tidy ? chain([decodeStep, cleanUp]) : decodeStep, (id) => {
      const token = this.#known(id);
      return skipSpecialTokens && this.specialIds.has(id) ? undefined : token;
    });
  }

  idOf(token: string): number | undefined {
    return this.#parts.idOf.get(token);
  }

  tokenOf(id: number): string | undefined {
    return this.#parts.tokenOf.get(id);
  }

  applyChatTemplate(messages: readonly ChatMessage[], options: ChatTemplateOptions = {}): string {
    const { addGenerationPrompt = false, tools, documents, variables } = options;
    return this.#chatTemplate(options).render({
      ...this.#parts.chat?.variables,
      ...variables,
      messages,
      tools: tools ?? null,
      documents: documents ?? null,
      add_generation_prompt: addGenerationPrompt,
    });
  }

  #chatTemplate({ template, tools }: ChatTemplateOptions): ChatTemplate {
    const { chat } = this.#parts;
    if (chat === undefined) throw new TypeError("Cannot apply a chat template: the tokenizer has none");
    const name = template ?? (tools !== undefined && chat.templates.has("tool_use") ? "tool_use" : "default");
    const source = chat.templates.get(name);
    if (source === undefined) {
      const names = [...chat.templates.keys()].map((known) => `"${known}"`).join(", ");
      throw new TypeError(`Cannot apply a chat template: "${name}" is not among ${names}`);
    }
    const compiled = this.#compiled.get(name) ?? chat.compile(source);
    this.#compiled.set(name, compiled);
    return compiled;
  }

  #pieces(text: string): Pieces {
    if (typeof text !== "string")
      throw new TypeError(`Cannot encode: the text is of type ${typeof text}, needed a string`);
    return this.#parts.pieces(text.replace(/\p{Surrogate}/gu, "\uFFFD"));
  }

  #known(id: number): string {
    const token = this.#parts.tokenOf.get(id);
    if (token === undefined)
      throw new RangeError(`Cannot decode token ${id}: the vocabulary has ${this.vocabSize} tokens, and not this one`);
    return token;
  }
}
